/*{
  "DESCRIPTION": "The picture flows along itself: its own light is the landscape that it slides over",
  "CREDIT": "perform, MIT",
  "ISFVSN": "2",
  "CATEGORIES": ["Distortion"],
  "INPUTS": [
    {"NAME": "inputImage", "TYPE": "image"},
    {"NAME": "depth", "TYPE": "float", "MIN": 0, "MAX": 0.3, "DEFAULT": 0.05, "UNIT": "heights", "LABEL": "how far the picture is pushed by its own slopes"},
    {"NAME": "twist", "TYPE": "float", "MIN": -1, "MAX": 1, "DEFAULT": 0.5, "UNIT": "half turns", "LABEL": "down the slopes (0) or around them (0.5)"},
    {"NAME": "wave", "TYPE": "float", "MIN": 0, "MAX": 0.2, "DEFAULT": 0.015, "UNIT": "heights", "LABEL": "slow swell that runs through all"},
    {"NAME": "scale", "TYPE": "float", "MIN": 0.5, "MAX": 8, "DEFAULT": 2, "LABEL": "waves to a picture height"},
    {"NAME": "speed", "TYPE": "float", "MIN": -2, "MAX": 2, "DEFAULT": 0.15, "UNIT": "waves/s", "PHASE": 100, "LABEL": "how fast the swell runs"}
  ],
  "PASSES": [
    {"TARGET": "small", "FLOAT": true, "WIDTH": "max(floor($WIDTH / 8), 16)", "HEIGHT": "max(floor($HEIGHT / 8), 16)"},
    {"TARGET": "smooth_light", "FLOAT": true, "WIDTH": "max(floor($WIDTH / 8), 16)", "HEIGHT": "max(floor($HEIGHT / 8), 16)"},
    {"TARGET": "way", "FLOAT": true, "WIDTH": "max(floor($WIDTH / 3), 96)", "HEIGHT": "max(floor($HEIGHT / 3), 54)"},
    {}
  ]
}*/

float light(vec3 c) {
    return dot(c, vec3(0.3, 0.5, 0.2));
}

float blurred(sampler2D image, vec2 at, vec2 texel) {
    float sum = 0.0;
    for (int y = -1; y <= 1; y++)
        for (int x = -1; x <= 1; x++)
            sum += light(texture(image, at + vec2(x, y) * texel).rgb);
    return sum / 9.0;
}

vec2 pushed(vec2 here) {
    vec2 aspect = vec2(RENDERSIZE.x / RENDERSIZE.y, 1.0);
    vec2 p = here * aspect;
    vec2 swell = vec2(
        sin(6.2831853 * (p.y * scale + speed_phase) + 2.0 * sin(3.1415926 * p.x * scale - 6.2831853 * speed_phase * 0.37)),
        cos(6.2831853 * (p.x * scale - speed_phase) + 2.0 * sin(3.1415926 * p.y * scale + 6.2831853 * speed_phase * 0.23)));
    vec2 at = here + wave * swell / aspect;
    vec2 step_size = 1.5 / IMG_SIZE(smooth_light);
    vec2 slope = vec2(
        texture(smooth_light, at + vec2(step_size.x, 0.0)).r - texture(smooth_light, at - vec2(step_size.x, 0.0)).r,
        texture(smooth_light, at + vec2(0.0, step_size.y)).r - texture(smooth_light, at - vec2(0.0, step_size.y)).r);
    float a = twist * 3.1415926;
    slope = mat2(cos(a), sin(a), -sin(a), cos(a)) * slope;
    at += depth * 5.0 * slope / (1.0 + 2.0 * length(slope)) / aspect;
    return at;
}

void main() {
    vec2 here = isf_FragNormCoord;
    if (PASSINDEX == 0) {
        gl_FragColor = vec4(vec3(blurred(inputImage, here, 2.5 / IMG_SIZE(inputImage))), 1.0);
        return;
    }
    if (PASSINDEX == 1) {
        gl_FragColor = vec4(vec3(blurred(small, here, 1.6 / RENDERSIZE)), 1.0);
        return;
    }
    if (PASSINDEX == 2) {  // where to look is smooth, so it is worked out on fewer pixels
        gl_FragColor = vec4(pushed(here) - here, 0.0, 1.0);
        return;
    }
    vec2 at = here + texture(way, here).xy;
    at = abs(mod(at + 1.0, 2.0) - 1.0);
    gl_FragColor = vec4(IMG_NORM_PIXEL(inputImage, at).rgb, 1.0);
}
