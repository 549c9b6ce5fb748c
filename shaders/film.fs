/*{
  "DESCRIPTION": "An old projector or an old screen: grain, scan lines, weave, a breathing lamp, dark corners",
  "CREDIT": "perform, MIT",
  "ISFVSN": "2",
  "CATEGORIES": ["Film"],
  "INPUTS": [
    {"NAME": "inputImage", "TYPE": "image"},
    {"NAME": "grain", "TYPE": "float", "MIN": 0, "MAX": 1, "DEFAULT": 0.3, "LABEL": "coarse film grain"},
    {"NAME": "lines", "TYPE": "float", "MIN": 0, "MAX": 1, "DEFAULT": 0.25, "LABEL": "scan lines"},
    {"NAME": "count", "TYPE": "float", "MIN": 60, "MAX": 600, "DEFAULT": 180, "LABEL": "how many scan lines"},
    {"NAME": "weave", "TYPE": "float", "MIN": 0, "MAX": 1, "DEFAULT": 0.15, "LABEL": "the picture trembles in the gate"},
    {"NAME": "flicker", "TYPE": "float", "MIN": 0, "MAX": 1, "DEFAULT": 0.15, "LABEL": "the lamp breathes; gentle at any setting"},
    {"NAME": "vignette", "TYPE": "float", "MIN": 0, "MAX": 1, "DEFAULT": 0.35, "LABEL": "dark corners"},
    {"NAME": "rate", "TYPE": "float", "MIN": 1, "MAX": 30, "DEFAULT": 18, "UNIT": "Hz", "PHASE": 4096, "LABEL": "film frames a second"}
  ]
}*/

uint scramble(uint v) {
    v = v * 747796405u + 2891336453u;
    v = ((v >> ((v >> 28u) + 4u)) ^ v) * 277803737u;
    return (v >> 22u) ^ v;
}

void main() {
    uint number = uint(rate_phase);
    vec2 here = isf_FragNormCoord;
    uint jump = scramble(number + 17u);
    here += weave * 0.006 * (vec2(float(jump & 255u), float((jump >> 8u) & 255u)) / 255.0 - 0.5);
    vec3 c = IMG_NORM_PIXEL(inputImage, here).rgb;
    float light = dot(c, vec3(0.3, 0.55, 0.15));
    ivec2 cell = ivec2(isf_FragNormCoord * RENDERSIZE / max(RENDERSIZE.y / 480.0, 1.0));
    uint h = scramble(uint(cell.x) + scramble(uint(cell.y) + scramble(number)));
    float noise = (float(h & 255u) + float((h >> 8u) & 255u) + float((h >> 16u) & 255u)) / 382.5 - 1.0;
    c += noise * grain * 0.28 * (0.12 + light * (1.2 - light));
    float beam = 0.5 + 0.5 * cos(6.2831853 * isf_FragNormCoord.y * count);
    c *= (1.0 - lines * (1.0 - beam) * (0.75 - 0.45 * light)) * (1.0 + 0.3 * lines);
    float lamp = float(scramble(number) & 255u) / 255.0 - 0.5;
    c *= 1.0 + flicker * 0.12 * lamp;
    vec2 p = (isf_FragNormCoord - 0.5) * vec2(min(RENDERSIZE.x / RENDERSIZE.y, 1.6), 1.0);
    c *= 1.0 - vignette * smoothstep(0.3, 0.95, length(p));
    gl_FragColor = vec4(c, 1.0);
}
