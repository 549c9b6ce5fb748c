/*{
  "DESCRIPTION": "Test screen for the beat: the hand crosses the mark and the lamp lights at the moment for which the beat is announced; a click should be heard just then",
  "CREDIT": "perform, MIT",
  "ISFVSN": "2",
  "CATEGORIES": ["Utility"],
  "INPUTS": [
    {"NAME": "inputImage", "TYPE": "image"},
    {"NAME": "phase", "TYPE": "float", "MIN": 0, "MAX": 1, "DEFAULT": 0, "LABEL": "where in the beat; route beat.phase here"},
    {"NAME": "bar", "TYPE": "float", "MIN": 0, "MAX": 1, "DEFAULT": 0, "LABEL": "where in the bar; route bar.phase here"},
    {"NAME": "heard", "TYPE": "float", "MIN": 0, "MAX": 1, "DEFAULT": 0, "LABEL": "the side lamps; route audio.onset here: what is heard, without offset"},
    {"NAME": "sure", "TYPE": "float", "MIN": 0, "MAX": 1, "DEFAULT": 1, "LABEL": "how bright; route beat.confidence here"},
    {"NAME": "ground", "TYPE": "float", "MIN": 0, "MAX": 1, "DEFAULT": 0.04, "LABEL": "how much of the picture stays behind it"}
  ]
}*/

// The lamp covers less than a tenth of the wall and the rest stays dark, so that it may flash as fast as the music.
float box(vec2 p, vec2 size) {
    vec2 d = abs(p) - size;
    return 1.0 - smoothstep(0.0, 0.004, max(d.x, d.y));
}

void main() {
    float wide = RENDERSIZE.x / RENDERSIZE.y;
    vec2 p = (isf_FragNormCoord - 0.5) * vec2(wide, 1.0);
    vec3 c = IMG_THIS_PIXEL(inputImage).rgb * ground;
    float bright = 0.35 + 0.65 * sure;

    float ring = abs(length(p) - 0.13);
    c += vec3(0.25) * (1.0 - smoothstep(0.002, 0.005, ring));
    float lit = phase < 0.5 ? exp(-phase * 14.0) : 0.0;
    c += vec3(1.0, 0.96, 0.9) * bright * lit * (1.0 - smoothstep(0.125, 0.13, length(p)));

    // The hand runs from left to right and is in the middle on the beat: half the beat before it and half behind.
    float along = (phase < 0.5 ? phase : phase - 1.0) * wide * 0.9;
    c += vec3(0.35, 0.85, 0.9) * bright * box(p - vec2(along, -0.27), vec2(0.006, 0.06));
    c += vec3(0.9) * box(p - vec2(0.0, -0.27), vec2(0.0015, 0.08));
    c += vec3(0.15) * box(p - vec2(0.0, -0.27), vec2(wide * 0.45, 0.0012));

    for (int beat = 0; beat < 4; beat++) {
        float on = floor(bar * 4.0) == float(beat) ? 1.0 : 0.15;
        vec3 tint = beat == 0 ? vec3(1.0, 0.72, 0.3) : vec3(0.8);
        c += tint * on * bright * box(p - vec2((float(beat) - 1.5) * 0.12, 0.33), vec2(0.04, 0.012));
    }
    c += vec3(1.0, 0.45, 0.35) * heard * box(vec2(abs(p.x) - 0.3, p.y), vec2(0.025, 0.025));
    gl_FragColor = vec4(c, 1.0);
}
