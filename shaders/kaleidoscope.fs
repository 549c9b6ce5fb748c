/*{
  "DESCRIPTION": "A kaleidoscope of any number of mirrors, softly folded",
  "CREDIT": "perform, MIT",
  "ISFVSN": "2",
  "CATEGORIES": ["Geometry"],
  "INPUTS": [
    {"NAME": "inputImage", "TYPE": "image"},
    {"NAME": "segments", "TYPE": "float", "MIN": 1, "MAX": 16, "DEFAULT": 6, "LABEL": "how many mirrors; between whole numbers one opens"},
    {"NAME": "angle", "TYPE": "float", "MIN": -0.5, "MAX": 0.5, "DEFAULT": 0, "UNIT": "turns", "LABEL": "turns the star"},
    {"NAME": "spin", "TYPE": "float", "MIN": -0.5, "MAX": 0.5, "DEFAULT": 0.02, "UNIT": "turns/s", "PHASE": 1, "LABEL": "turns what the mirrors see"},
    {"NAME": "zoom", "TYPE": "float", "MIN": 0.25, "MAX": 3, "DEFAULT": 1.1, "LABEL": "how close the mirrors look"},
    {"NAME": "center", "TYPE": "point2D", "MIN": [0, 0], "MAX": [1, 1], "DEFAULT": [0.5, 0.5], "LABEL": "where the mirrors look"},
    {"NAME": "rings", "TYPE": "float", "MIN": 0, "MAX": 1, "DEFAULT": 0, "LABEL": "the star folds inwards as well"}
  ]
}*/

const float TAU = 6.2831853;

// There and back again: 0..1..0, so no edge of the picture ever shows.
vec2 folded(vec2 p) {
    return abs(mod(p + 1.0, 2.0) - 1.0);
}

void main() {
    vec2 aspect = vec2(RENDERSIZE.x / RENDERSIZE.y, 1.0);
    vec2 p = (isf_FragNormCoord - 0.5) * aspect;
    float r = length(p);
    float a = atan(p.y, p.x) - angle * TAU;
    float wedge = TAU / max(segments, 1.0);
    a = mod(a, TAU);
    a = mod(a + 0.5 * wedge, wedge) - 0.5 * wedge;
    a = abs(a);
    float fold = mix(1.2, 0.16, sqrt(rings));
    r = abs(mod(r + fold, 2.0 * fold) - fold);
    a += spin_phase * TAU;
    vec2 q = vec2(cos(a), sin(a)) * r / zoom;
    gl_FragColor = vec4(IMG_NORM_PIXEL(inputImage, folded(q / vec2(min(aspect.x, 1.4), 1.0) + center)).rgb, 1.0);
}
