/*{
  "DESCRIPTION": "Folds the picture along axes that can be moved and turned",
  "CREDIT": "perform, MIT",
  "ISFVSN": "2",
  "CATEGORIES": ["Geometry"],
  "INPUTS": [
    {"NAME": "inputImage", "TYPE": "image"},
    {"NAME": "mode", "TYPE": "long", "VALUES": [0, 1, 2, 3], "LABELS": ["off", "sides", "sky", "quarters"], "DEFAULT": 1, "LABEL": "left and right, top and bottom, or both"},
    {"NAME": "axis", "TYPE": "float", "MIN": -0.5, "MAX": 0.5, "DEFAULT": 0, "LABEL": "moves what lies at the fold"},
    {"NAME": "turn", "TYPE": "float", "MIN": -0.5, "MAX": 0.5, "DEFAULT": 0, "UNIT": "turns", "LABEL": "turns the fold"},
    {"NAME": "swap", "TYPE": "bool", "DEFAULT": false, "LABEL": "keeps the other side"}
  ]
}*/

void main() {
    vec2 aspect = vec2(RENDERSIZE.x / RENDERSIZE.y, 1.0);
    vec2 here = isf_FragNormCoord;
    if (mode != 0) {
        vec2 p = (here - 0.5) * aspect;
        float co = cos(6.2831853 * turn), si = sin(6.2831853 * turn);
        mat2 there = mat2(co, si, -si, co);
        p = there * p;
        float side = swap ? 1.0 : -1.0;
        if (mode != 2) p.x = side * abs(p.x) + axis;
        if (mode != 1) p.y = -side * abs(p.y) + axis;
        p = transpose(there) * p;
        here = abs(mod(p / aspect + 0.5 + 1.0, 2.0) - 1.0);
    }
    gl_FragColor = vec4(IMG_NORM_PIXEL(inputImage, here).rgb, 1.0);
}
