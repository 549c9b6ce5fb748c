/*{
  "DESCRIPTION": "Video feedback: the picture falls into itself, turning and changing colour as it goes",
  "CREDIT": "perform, MIT",
  "ISFVSN": "2",
  "CATEGORIES": ["Feedback"],
  "INPUTS": [
    {"NAME": "inputImage", "TYPE": "image"},
    {"NAME": "hold", "TYPE": "float", "MIN": 0.02, "MAX": 6, "DEFAULT": 0.7, "UNIT": "s", "LABEL": "how long light stays: seconds to half"},
    {"NAME": "zoom", "TYPE": "float", "MIN": -2, "MAX": 2, "DEFAULT": 0.35, "UNIT": "octaves/s", "LABEL": "the past grows or shrinks"},
    {"NAME": "rotate", "TYPE": "float", "MIN": -0.5, "MAX": 0.5, "DEFAULT": 0.02, "UNIT": "turns/s", "LABEL": "the past turns"},
    {"NAME": "hue", "TYPE": "float", "MIN": -1, "MAX": 1, "DEFAULT": 0.12, "UNIT": "turns/s", "LABEL": "the past changes colour"},
    {"NAME": "drift", "TYPE": "point2D", "MIN": [-0.5, -0.5], "MAX": [0.5, 0.5], "DEFAULT": [0, 0], "LABEL": "the past moves, picture heights a second"},
    {"NAME": "swirl", "TYPE": "float", "MIN": -1, "MAX": 1, "DEFAULT": 0.15, "LABEL": "the middle turns faster than the rim"},
    {"NAME": "blend", "TYPE": "long", "VALUES": [0, 1, 2], "LABELS": ["lighten", "screen", "mix"], "DEFAULT": 0, "LABEL": "how past and present meet"}
  ],
  "PASSES": [
    {"TARGET": "past", "PERSISTENT": true, "FLOAT": true},
    {}
  ]
}*/

const vec3 LUMA = vec3(0.2126, 0.7152, 0.0722);

vec3 turned(vec3 c, float angle) {
    float co = cos(angle), si = sin(angle);
    vec3 k = vec3(0.57735);
    return max(c * co + cross(k, c) * si + k * dot(k, c) * (1.0 - co), 0.0);
}

void main() {
    if (PASSINDEX == 1) {
        vec3 c = IMG_THIS_PIXEL(past).rgb;
        gl_FragColor = vec4(c / max(1.0, max(c.r, max(c.g, c.b))), 1.0);
        return;
    }
    float dt = min(TIMEDELTA, 0.1);
    vec2 aspect = vec2(RENDERSIZE.x / RENDERSIZE.y, 1.0);
    vec2 p = (isf_FragNormCoord - 0.5) * aspect;
    float angle = 6.2831853 * dt * (rotate + swirl * 0.25 * exp(-4.0 * dot(p, p)));
    float co = cos(angle), si = sin(angle);
    p = mat2(co, -si, si, co) * p * exp2(-zoom * dt) - drift * dt;
    vec2 there = p / aspect + 0.5;
    there = abs(mod(there + 1.0, 2.0) - 1.0);  // beyond the rim the past is mirrored, so no frame creeps in
    vec3 old = IMG_NORM_PIXEL(past, there).rgb;
    float keep = exp2(-dt / hold);
    old = turned(old, 6.2831853 * hue * dt) * keep;
    old = mix(vec3(dot(old, LUMA)), old, 1.0 + 0.25 * dt);
    vec3 now = IMG_THIS_PIXEL(inputImage).rgb;
    vec3 c;
    if (blend == 0) c = max(now, old);
    else if (blend == 1) c = mix(now, 1.0 - (1.0 - min(now, 1.0)) * (1.0 - min(old, 1.0)), 0.5 * keep);
    else c = mix(now, old / max(keep, 0.001), pow(keep, 1.5));
    gl_FragColor = vec4(min(c, 4.0), 1.0);
}
