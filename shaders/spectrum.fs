/*{
  "DESCRIPTION": "The spectrum of the sound as a crown of light, drawn out of the picture itself: bass at the bottom, treble at the top",
  "CREDIT": "perform, MIT",
  "ISFVSN": "2",
  "CATEGORIES": ["Sound"],
  "INPUTS": [
    {"NAME": "inputImage", "TYPE": "image"},
    {"NAME": "fft", "TYPE": "audioFFT", "LABEL": "the spectrum"},
    {"NAME": "wave", "TYPE": "audio", "LABEL": "the wave"},
    {"NAME": "radius", "TYPE": "float", "MIN": 0.02, "MAX": 0.6, "DEFAULT": 0.25, "UNIT": "heights", "LABEL": "how large the ring is"},
    {"NAME": "reach", "TYPE": "float", "MIN": 0, "MAX": 0.6, "DEFAULT": 0.22, "UNIT": "heights", "LABEL": "how far the loudest band reaches out"},
    {"NAME": "teeth", "TYPE": "float", "MIN": 0, "MAX": 1, "DEFAULT": 0.35, "LABEL": "a smooth outline (0) or single bars (1)"},
    {"NAME": "tremble", "TYPE": "float", "MIN": 0, "MAX": 0.2, "DEFAULT": 0.03, "UNIT": "heights", "LABEL": "how far the wave shakes the ring"},
    {"NAME": "light", "TYPE": "float", "MIN": 0, "MAX": 2, "DEFAULT": 0.8, "LABEL": "how bright it burns"},
    {"NAME": "tint", "TYPE": "color", "DEFAULT": [1.0, 0.9, 0.75, 1.0], "LABEL": "its colour where the picture is dark"}
  ]
}*/

void main() {
    vec2 p = (isf_FragNormCoord - 0.5) * vec2(RENDERSIZE.x / RENDERSIZE.y, 1.0);
    float turn = abs(atan(p.x, -p.y)) / 3.14159265;  // 0 at the bottom, 1 at the top, both sides alike
    float cell = (floor(turn * 64.0) + 0.5) / 64.0;
    float band = IMG_NORM_PIXEL(fft, vec2(mix(turn, cell, step(0.5, teeth)), 0.5)).r;
    float gap = 1.0 - teeth * smoothstep(0.25, 0.45, abs(fract(turn * 64.0) - 0.5));
    float shake = (IMG_NORM_PIXEL(wave, vec2(turn, p.x < 0.0 ? 0.25 : 0.75)).r - 0.5) * 2.0 * tremble;

    float out_there = length(p) - radius - shake;
    float high = reach * band * band + 0.004;
    float inside = smoothstep(-0.004, 0.0, out_there) * (1.0 - smoothstep(high * 0.6, high + 0.01, out_there));
    float halo = exp(-abs(out_there) * 18.0) * band * 0.35;

    vec3 c = IMG_THIS_PIXEL(inputImage).rgb;
    vec2 source = isf_FragNormCoord - normalize(p + 1e-5) * max(out_there, 0.0) * 0.8;
    vec3 drawn = IMG_NORM_PIXEL(inputImage, clamp(source, 0.0, 1.0)).rgb;
    vec3 burn = mix(tint.rgb * tint.a, drawn, smoothstep(0.1, 0.7, max(drawn.r, max(drawn.g, drawn.b))));
    gl_FragColor = vec4(1.0 - (1.0 - c) * (1.0 - clamp(burn * light * (inside * gap + halo), 0.0, 1.0)), 1.0);
}
