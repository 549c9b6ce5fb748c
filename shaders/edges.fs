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
  ]
}*/

float light(vec3 c) {
    return dot(c, vec3(0.3, 0.55, 0.15));
}

void main() {
    vec2 t = width * max(RENDERSIZE.y / 540.0, 0.5) / RENDERSIZE;
    vec2 here = isf_FragNormCoord;
    vec3 a = texture(inputImage, here + vec2(-t.x, -t.y)).rgb;
    vec3 b = texture(inputImage, here + vec2(t.x, -t.y)).rgb;
    vec3 c = texture(inputImage, here + vec2(-t.x, t.y)).rgb;
    vec3 d = texture(inputImage, here + vec2(t.x, t.y)).rgb;
    vec3 picture = texture(inputImage, here).rgb;
    vec2 slope = vec2(light(b) + light(d) - light(a) - light(c), light(c) + light(d) - light(a) - light(b));
    // Measured against the light around, so that soft and dark pictures have outlines as well.
    float around = light(a + b + c + d) * 0.25;
    float line = length(slope) / (0.10 + 0.55 * around);
    line = smoothstep(0.04, 1.0, line);
    vec3 own = picture + 0.25 * (a + b + c + d);
    own /= max(max(own.r, max(own.g, own.b)), 0.15);
    float direction = atan(slope.y, slope.x) / 6.2831853;
    vec3 rainbow = 0.5 + 0.5 * cos(6.2831853 * (vec3(0.0, 0.33, 0.67) + 2.0 * direction + cycle_phase));
    vec3 ink = mix(own, rainbow, neon);
    vec3 glow = ink * line * strength;
    glow += vec3(line * line * strength * 0.35);
    gl_FragColor = vec4(1.0 - (1.0 - picture * fill) * exp(-glow), 1.0);
}
