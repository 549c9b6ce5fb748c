/*{
  "DESCRIPTION": "A flash of light that can be played hard: however often it is hit, at most three flashes a second begin (WCAG 2.3.1)",
  "CREDIT": "perform, MIT",
  "ISFVSN": "2",
  "CATEGORIES": ["Light"],
  "INPUTS": [
    {"NAME": "inputImage", "TYPE": "image"},
    {"NAME": "hit", "TYPE": "float", "MIN": 0, "MAX": 1, "DEFAULT": 0, "LABEL": "strikes when it rises; route a drum here"},
    {"NAME": "strike", "TYPE": "event", "LABEL": "one flash"},
    {"NAME": "fade", "TYPE": "float", "MIN": 0.05, "MAX": 2, "DEFAULT": 0.35, "UNIT": "s", "LABEL": "how long it takes to go out"},
    {"NAME": "power", "TYPE": "float", "MIN": 0, "MAX": 1, "DEFAULT": 0.6, "LABEL": "how bright"},
    {"NAME": "bloom", "TYPE": "float", "MIN": 0, "MAX": 1, "DEFAULT": 0.7, "LABEL": "lights up what is there (1) or covers all with colour (0)"},
    {"NAME": "tint", "TYPE": "color", "DEFAULT": [1.0, 0.97, 0.92, 1.0], "LABEL": "colour of the flash"}
  ],
  "PASSES": [
    {"TARGET": "memory", "PERSISTENT": true, "FLOAT": true, "WIDTH": "1", "HEIGHT": "1"},
    {}
  ]
}*/

// memory: r is the light now, g the seconds since a flash began, b the hit of the last frame.
void main() {
    if (PASSINDEX == 0) {
        vec4 m = IMG_NORM_PIXEL(memory, vec2(0.5));
        float waited = min(m.g + TIMEDELTA, 10.0);
        float light = m.r * exp(-TIMEDELTA * 3.0 / fade);
        float wanted = strike ? 1.0 : hit;
        bool rising = strike || hit > m.b + 0.05;
        bool first = m.a < 0.5;
        if (rising && wanted > 0.1 && wanted > light && (waited > 0.34 || first)) {
            light = wanted;
            waited = 0.0;
        }
        gl_FragColor = vec4(light, waited, hit, 1.0);
        return;
    }
    float light = IMG_NORM_PIXEL(memory, vec2(0.5)).r * power * tint.a;
    vec3 c = IMG_THIS_PIXEL(inputImage).rgb;
    vec3 lit = 1.0 - (1.0 - c) * exp(-c * tint.rgb * light * 5.0);
    vec3 covered = mix(c, tint.rgb, light);
    gl_FragColor = vec4(mix(covered, lit + tint.rgb * light * 0.08, bloom), 1.0);
}
