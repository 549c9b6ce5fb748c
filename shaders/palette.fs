/*{
  "DESCRIPTION": "Recolours the picture by its light, through a palette that can be turned and made to run",
  "CREDIT": "perform, MIT; cosine palettes after Inigo Quilez",
  "ISFVSN": "2",
  "CATEGORIES": ["Color"],
  "INPUTS": [
    {"NAME": "inputImage", "TYPE": "image"},
    {"NAME": "colors", "TYPE": "long", "VALUES": [0, 1, 2, 3, 4, 5], "LABELS": ["ember", "abyss", "orchid", "aurora", "gold", "prism"], "DEFAULT": 0, "LABEL": "the palette"},
    {"NAME": "repeat", "TYPE": "float", "MIN": 0.25, "MAX": 4, "DEFAULT": 1, "LABEL": "how often the palette runs from dark to light"},
    {"NAME": "offset", "TYPE": "float", "MIN": -1, "MAX": 1, "DEFAULT": 0, "LABEL": "where in the palette it begins"},
    {"NAME": "run", "TYPE": "float", "MIN": -1, "MAX": 1, "DEFAULT": 0, "UNIT": "turns/s", "PHASE": 1, "LABEL": "the palette runs through the picture"},
    {"NAME": "keep", "TYPE": "float", "MIN": 0, "MAX": 1, "DEFAULT": 0.25, "LABEL": "how much of the picture's own colour stays"}
  ]
}*/

vec3 ramp(float t, vec3 a, vec3 b, vec3 c, vec3 d) {
    if (t < 0.3333) return mix(a, b, t * 3.0);
    if (t < 0.6667) return mix(b, c, t * 3.0 - 1.0);
    return mix(c, d, t * 3.0 - 2.0);
}

vec3 color_at(float t) {
    if (colors == 0) return ramp(t, vec3(0.02, 0.0, 0.04), vec3(0.42, 0.03, 0.09), vec3(0.95, 0.36, 0.07), vec3(1.0, 0.93, 0.68));
    if (colors == 1) return ramp(t, vec3(0.0, 0.01, 0.04), vec3(0.01, 0.13, 0.32), vec3(0.03, 0.55, 0.62), vec3(0.83, 0.98, 0.9));
    if (colors == 2) return ramp(t, vec3(0.03, 0.0, 0.07), vec3(0.30, 0.05, 0.45), vec3(0.93, 0.27, 0.55), vec3(1.0, 0.88, 0.8));
    if (colors == 3) return ramp(t, vec3(0.0, 0.02, 0.06), vec3(0.08, 0.16, 0.42), vec3(0.10, 0.72, 0.46), vec3(0.93, 1.0, 0.66));
    if (colors == 4) return ramp(t, vec3(0.02, 0.015, 0.02), vec3(0.23, 0.13, 0.08), vec3(0.83, 0.58, 0.22), vec3(1.0, 0.97, 0.86));
    return (0.5 + 0.5 * cos(6.2831853 * (t + vec3(0.0, 0.33, 0.67)))) * smoothstep(0.0, 0.25, t);
}

void main() {
    vec3 c = IMG_THIS_PIXEL(inputImage).rgb;
    float light = dot(c, vec3(0.3, 0.55, 0.15));
    float t = light * repeat + offset + run_phase;
    // There and back again once it runs past the end, so that no hard step appears in smooth places.
    float turn = mod(t, 2.0);
    t = clamp(turn < 1.0 ? turn : 2.0 - turn, 0.0, 1.0);
    vec3 painted = color_at(t);
    vec3 own = painted * (0.35 + c / max(light, 0.08) * 0.65);
    gl_FragColor = vec4(mix(painted, own, keep), 1.0);
}
