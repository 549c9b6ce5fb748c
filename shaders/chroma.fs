/*{
  "DESCRIPTION": "Red, green and blue part company, as through cheap glass or a loose cable",
  "CREDIT": "perform, MIT",
  "ISFVSN": "2",
  "CATEGORIES": ["Color"],
  "INPUTS": [
    {"NAME": "inputImage", "TYPE": "image"},
    {"NAME": "shift", "TYPE": "float", "MIN": 0, "MAX": 0.1, "DEFAULT": 0.008, "UNIT": "heights", "LABEL": "how far the colours part in one direction"},
    {"NAME": "angle", "TYPE": "float", "MIN": -0.5, "MAX": 0.5, "DEFAULT": 0, "UNIT": "turns", "LABEL": "which direction"},
    {"NAME": "lens", "TYPE": "float", "MIN": -0.2, "MAX": 0.2, "DEFAULT": 0.03, "LABEL": "how far they part towards the rim"},
    {"NAME": "tear", "TYPE": "float", "MIN": 0, "MAX": 1, "DEFAULT": 0, "LABEL": "bands slip sideways"},
    {"NAME": "rate", "TYPE": "float", "MIN": 0, "MAX": 30, "DEFAULT": 8, "UNIT": "Hz", "PHASE": 4096, "LABEL": "how often the bands change"}
  ]
}*/

float chance(vec2 p) {
    p = fract(p * vec2(0.1031, 0.1030));
    p += dot(p, p.yx + 33.33);
    return fract((p.x + p.y) * p.y * 37.0);
}

vec2 folded(vec2 p) {
    return abs(mod(p + 1.0, 2.0) - 1.0);
}

void main() {
    vec2 here = isf_FragNormCoord;
    if (tear > 0.0) {
        float turn = floor(rate_phase);
        float band = floor(here.y * (6.0 + 22.0 * chance(vec2(turn, 3.0))));
        float slip = chance(vec2(band + 1.0, turn + 7.0));
        here.x += step(1.0 - 0.55 * tear, slip) * (chance(vec2(band + 11.0, turn)) - 0.5) * 0.35 * tear;
    }
    float aspect = RENDERSIZE.x / RENDERSIZE.y;
    vec2 out_from_middle = here - 0.5;
    float rim = dot(out_from_middle, out_from_middle) * 2.0;
    vec2 apart = vec2(cos(6.2831853 * angle) / aspect, sin(6.2831853 * angle)) * shift + out_from_middle * rim * lens;
    vec3 a = IMG_NORM_PIXEL(inputImage, folded(here + apart)).rgb;
    vec3 b = IMG_NORM_PIXEL(inputImage, folded(here + apart * 0.4)).rgb;
    vec3 c = IMG_NORM_PIXEL(inputImage, folded(here - apart * 0.4)).rgb;
    vec3 d = IMG_NORM_PIXEL(inputImage, folded(here - apart)).rgb;
    gl_FragColor = vec4(a.r * 0.65 + b.r * 0.35, 0.5 * (b.g + c.g), d.b * 0.65 + c.b * 0.35, 1.0);
}
