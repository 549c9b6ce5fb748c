/*{
  "DESCRIPTION": "Light that moves leaves itself behind: red fades last, like afterimages in the eye",
  "CREDIT": "perform, MIT",
  "ISFVSN": "2",
  "CATEGORIES": ["Feedback"],
  "INPUTS": [
    {"NAME": "inputImage", "TYPE": "image"},
    {"NAME": "hold", "TYPE": "float", "MIN": 0.02, "MAX": 5, "DEFAULT": 0.6, "UNIT": "s", "LABEL": "seconds until half of the light is gone"},
    {"NAME": "spread", "TYPE": "float", "MIN": -1, "MAX": 1, "DEFAULT": 0.5, "LABEL": "red fades last (1), blue fades last (-1)"},
    {"NAME": "smear", "TYPE": "float", "MIN": 0, "MAX": 1, "DEFAULT": 0.3, "LABEL": "the trail runs like wet paint"},
    {"NAME": "rise", "TYPE": "float", "MIN": -0.3, "MAX": 0.3, "DEFAULT": 0.03, "UNIT": "heights/s", "LABEL": "the trail rises like smoke, or sinks"}
  ],
  "PASSES": [
    {"TARGET": "trail", "PERSISTENT": true, "FLOAT": true, "WIDTH": "floor($WIDTH / 2)", "HEIGHT": "floor($HEIGHT / 2)"},
    {}
  ]
}*/

void main() {
    vec2 here = isf_FragNormCoord;
    vec3 now = IMG_THIS_PIXEL(inputImage).rgb;
    if (PASSINDEX == 1) {
        vec3 old = IMG_THIS_PIXEL(trail).rgb;
        gl_FragColor = vec4(max(now, mix(now, old, 0.94)), 1.0);
        return;
    }
    float dt = min(TIMEDELTA, 0.1);
    vec2 t = smear * 1.5 / RENDERSIZE;
    vec2 there = here - vec2(0.0, rise * dt);
    vec3 old = IMG_NORM_PIXEL(trail, there).rgb;
    if (smear > 0.0) {
        vec3 around = 0.25 * (texture(trail, there + vec2(t.x, t.y)).rgb + texture(trail, there + vec2(-t.x, t.y)).rgb
            + texture(trail, there + vec2(t.x, -t.y)).rgb + texture(trail, there - t).rgb);
        old = mix(old, around, 0.6 * smear);
    }
    vec3 life = hold * exp2(spread * vec3(1.0, 0.0, -1.0));
    old *= exp2(-dt / life);
    gl_FragColor = vec4(max(now, old), 1.0);
}
