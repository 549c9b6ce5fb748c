/*{
  "DESCRIPTION": "The outlines of things, drawn in light",
  "CREDIT": "perform, MIT",
  "ISFVSN": "2",
  "CATEGORIES": ["Stylize"],
  "INPUTS": [
    {"NAME": "inputImage", "TYPE": "image"},
    {"NAME": "strength", "TYPE": "float", "MIN": 0, "MAX": 6, "DEFAULT": 2, "LABEL": "brightness of the lines"},
    {"NAME": "width", "TYPE": "float", "MIN": 0.3, "MAX": 4, "DEFAULT": 1.5, "LABEL": "width of the lines"},
    {"NAME": "fill", "TYPE": "float", "MIN": 0, "MAX": 1, "DEFAULT": 0.25, "LABEL": "how much of the picture stays between the lines"},
    {"NAME": "neon", "TYPE": "float", "MIN": 0, "MAX": 1, "DEFAULT": 0.5, "LABEL": "lines in the picture's colours (0) or coloured by their direction (1)"},
    {"NAME": "cycle", "TYPE": "float", "MIN": -1, "MAX": 1, "DEFAULT": 0.05, "UNIT": "turns/s", "PHASE": 1, "LABEL": "the colours of the lines run"}
  ],
  "PASSES": [
    {"TARGET": "soft", "WIDTH": "floor($WIDTH / 2)", "HEIGHT": "floor($HEIGHT / 2)"},
    {}
  ]
}*/

float light(vec3 c) {
    return dot(c, vec3(0.3, 0.55, 0.15));
}

// The lines are found in a softer picture of half the size: film grain has no outlines.
void main() {
    vec2 here = isf_FragNormCoord;
    if (PASSINDEX == 0) {
        vec2 p = 1.0 / IMG_SIZE(inputImage);
        gl_FragColor = 0.25 * (texture(inputImage, here + vec2(-p.x, -p.y)) + texture(inputImage, here + vec2(p.x, -p.y))
            + texture(inputImage, here + vec2(-p.x, p.y)) + texture(inputImage, here + p));
        return;
    }
    vec2 t = width * max(RENDERSIZE.y / 540.0, 0.5) / RENDERSIZE;
    vec3 a = texture(soft, here + vec2(-t.x, -t.y)).rgb;
    vec3 b = texture(soft, here + vec2(t.x, -t.y)).rgb;
    vec3 c = texture(soft, here + vec2(-t.x, t.y)).rgb;
    vec3 d = texture(soft, here + vec2(t.x, t.y)).rgb;
    vec3 picture = texture(inputImage, here).rgb;
    vec2 slope = vec2(light(b) + light(d) - light(a) - light(c), light(c) + light(d) - light(a) - light(b));
    // Measured against the light around, so that dark pictures have outlines as well.
    float around = light(a + b + c + d) * 0.25;
    float line = length(slope) / (0.16 + 0.5 * around);
    line = smoothstep(0.07, 1.1, line);
    vec3 own = picture + 0.25 * (a + b + c + d);
    own /= max(max(own.r, max(own.g, own.b)), 0.15);
    float direction = atan(slope.y, slope.x) / 6.2831853;
    vec3 rainbow = 0.5 + 0.5 * cos(6.2831853 * (vec3(0.0, 0.33, 0.67) + direction + cycle_phase));
    vec3 ink = mix(own, rainbow, neon);
    vec3 glow = ink * line * strength + vec3(line * line * line * strength * 0.3);
    gl_FragColor = vec4(1.0 - (1.0 - picture * fill) * exp(-glow), 1.0);
}
