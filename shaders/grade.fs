/*{
  "DESCRIPTION": "Colour grading: light, contrast, colour, and a split tone for shadows and highlights",
  "CREDIT": "perform, MIT",
  "ISFVSN": "2",
  "CATEGORIES": ["Color"],
  "INPUTS": [
    {"NAME": "inputImage", "TYPE": "image"},
    {"NAME": "exposure", "TYPE": "float", "MIN": -3, "MAX": 3, "DEFAULT": 0, "UNIT": "stops", "LABEL": "brighter or darker"},
    {"NAME": "contrast", "TYPE": "float", "MIN": 0, "MAX": 2, "DEFAULT": 1, "LABEL": "steepness around middle grey"},
    {"NAME": "saturation", "TYPE": "float", "MIN": 0, "MAX": 2.5, "DEFAULT": 1, "LABEL": "strength of colours; 0 is black and white"},
    {"NAME": "hue", "TYPE": "float", "MIN": -0.5, "MAX": 0.5, "DEFAULT": 0, "UNIT": "turns", "LABEL": "turns all colours round the wheel"},
    {"NAME": "warmth", "TYPE": "float", "MIN": -1, "MAX": 1, "DEFAULT": 0, "LABEL": "cold to warm light"},
    {"NAME": "split", "TYPE": "float", "MIN": 0, "MAX": 1, "DEFAULT": 0, "LABEL": "how far shadows and highlights part in colour"},
    {"NAME": "shadows", "TYPE": "float", "MIN": 0, "MAX": 1, "DEFAULT": 0.6, "UNIT": "turns", "LABEL": "hue of the shadows"},
    {"NAME": "highlights", "TYPE": "float", "MIN": 0, "MAX": 1, "DEFAULT": 0.09, "UNIT": "turns", "LABEL": "hue of the highlights"},
    {"NAME": "vignette", "TYPE": "float", "MIN": 0, "MAX": 1, "DEFAULT": 0, "LABEL": "darkness towards the corners"}
  ]
}*/

const vec3 LUMA = vec3(0.2126, 0.7152, 0.0722);

vec3 wheel(float h) {
    return 0.5 + 0.5 * cos(6.2831853 * (h - vec3(0.0, 0.3333, 0.6667)));
}

// A turn about the grey axis that keeps luma where it is.
vec3 turned(vec3 c, float angle) {
    float co = cos(angle), si = sin(angle);
    vec3 k = vec3(0.57735);
    vec3 r = c * co + cross(k, c) * si + k * dot(k, c) * (1.0 - co);
    return r + (dot(c, LUMA) - dot(r, LUMA));
}

void main() {
    vec3 c = IMG_THIS_PIXEL(inputImage).rgb;
    c *= exp2(exposure);
    if (exposure > 0.0) {
        vec3 knee = max(c - 0.8, 0.0);
        c = min(c, 0.8) + 0.2 * (1.0 - exp(-knee / 0.2));  // highlights roll off instead of clipping
    }
    if (contrast != 1.0) {
        float l = max(dot(c, LUMA), 1e-4);
        float s = clamp(l, 0.0, 1.0);
        float upper = step(0.45, s);
        float bent = pow(mix(s / 0.45, (1.0 - s) / 0.55, upper), contrast);  // once: software GL runs both sides of ?:
        float curve = mix(0.45 * bent, 1.0 - 0.55 * bent, upper);
        c *= mix(1.0, curve / l, 0.85);
        c += (curve - l) * 0.15;
    }
    if (hue != 0.0) c = turned(c, hue * 6.2831853);
    c = mix(vec3(dot(c, LUMA)), c, saturation);
    c *= vec3(1.0 + 0.22 * warmth, 1.0 + 0.02 * warmth, 1.0 - 0.25 * warmth);
    if (split > 0.0) {
        float l = clamp(dot(c, LUMA), 0.0, 1.0);
        vec3 dark = wheel(shadows), light = wheel(highlights);
        dark -= dot(dark, LUMA);
        light -= dot(light, LUMA);
        float low = (1.0 - l) * (1.0 - l) * smoothstep(-0.02, 0.25, l);
        c += split * (dark * low * 0.30 + light * l * l * (1.15 - l) * 0.55);
    }
    if (vignette > 0.0) {
        vec2 p = (isf_FragNormCoord - 0.5) * vec2(min(RENDERSIZE.x / RENDERSIZE.y, 1.6), 1.0);
        c *= 1.0 - vignette * smoothstep(0.25, 0.95, length(p));
    }
    gl_FragColor = vec4(c, 1.0);
}
