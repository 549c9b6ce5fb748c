/*{
  "DESCRIPTION": "Bright things glow, near and far",
  "CREDIT": "perform, MIT",
  "ISFVSN": "2",
  "CATEGORIES": ["Light"],
  "INPUTS": [
    {"NAME": "inputImage", "TYPE": "image"},
    {"NAME": "intensity", "TYPE": "float", "MIN": 0, "MAX": 3, "DEFAULT": 0.7, "LABEL": "strength of the glow"},
    {"NAME": "threshold", "TYPE": "float", "MIN": 0, "MAX": 1, "DEFAULT": 0.5, "LABEL": "how bright a thing must be to glow"},
    {"NAME": "radius", "TYPE": "float", "MIN": 0.2, "MAX": 2.5, "DEFAULT": 1, "LABEL": "how wide the glow reaches"},
    {"NAME": "tint", "TYPE": "color", "DEFAULT": [1.0, 0.92, 0.82, 1.0], "LABEL": "colour of the glow"}
  ],
  "PASSES": [
    {"TARGET": "near", "FLOAT": true, "WIDTH": "ceil($WIDTH / 4)", "HEIGHT": "ceil($HEIGHT / 4)"},
    {"TARGET": "far", "FLOAT": true, "WIDTH": "ceil($WIDTH / 16)", "HEIGHT": "ceil($HEIGHT / 16)"},
    {"TARGET": "near_soft", "FLOAT": true, "WIDTH": "ceil($WIDTH / 4)", "HEIGHT": "ceil($HEIGHT / 4)"},
    {"TARGET": "far_across", "FLOAT": true, "WIDTH": "ceil($WIDTH / 16)", "HEIGHT": "ceil($HEIGHT / 16)"},
    {"TARGET": "far_soft", "FLOAT": true, "WIDTH": "ceil($WIDTH / 16)", "HEIGHT": "ceil($HEIGHT / 16)"},
    {}
  ]
}*/

vec3 bright(vec3 c) {
    float peak = max(c.r, max(c.g, c.b));
    float over = smoothstep(threshold - 0.15, threshold + 0.35, peak);
    return c * over;
}

// Four samples between the pixels of the larger picture average sixteen of them.
vec3 quarter(sampler2D image, vec2 at) {
    vec2 t = 1.0 / vec2(textureSize(image, 0));
    return 0.25 * (texture(image, at + vec2(-t.x, -t.y)).rgb + texture(image, at + vec2(t.x, -t.y)).rgb
        + texture(image, at + vec2(-t.x, t.y)).rgb + texture(image, at + vec2(t.x, t.y)).rgb);
}

vec3 blurred(sampler2D image, vec2 at, vec2 along) {
    vec3 sum = texture(image, at).rgb * 0.227;
    sum += (texture(image, at + along * 1.385).rgb + texture(image, at - along * 1.385).rgb) * 0.316;
    sum += (texture(image, at + along * 3.231).rgb + texture(image, at - along * 3.231).rgb) * 0.0703;
    return sum;
}

vec3 wide(sampler2D image, vec2 at, vec2 along) {
    vec3 sum = vec3(0.0);
    for (int k = -4; k <= 4; k++)
        sum += exp(-0.125 * float(k * k)) * texture(image, at + float(k) * along).rgb;
    return sum / 4.92;
}

void main() {
    vec2 here = isf_FragNormCoord;
    vec3 c;
    if (PASSINDEX == 0) {
        vec2 t = 1.0 / IMG_SIZE(inputImage);
        c = 0.25 * (bright(texture(inputImage, here + vec2(-t.x, -t.y)).rgb) + bright(texture(inputImage, here + t).rgb)
            + bright(texture(inputImage, here + vec2(-t.x, t.y)).rgb) + bright(texture(inputImage, here + vec2(t.x, -t.y)).rgb));
    } else if (PASSINDEX == 1) {
        c = quarter(near, here);
    } else if (PASSINDEX == 2) {
        vec2 t = radius / RENDERSIZE;
        c = 0.5 * (blurred(near, here, t * vec2(1.0, 0.6)) + blurred(near, here, t * vec2(-0.6, 1.0)));
    } else if (PASSINDEX == 3) {
        c = wide(far, here, vec2(radius * 0.9 / RENDERSIZE.x, 0.0));
    } else if (PASSINDEX == 4) {
        c = wide(far_across, here, vec2(0.0, radius * 0.9 / RENDERSIZE.y));
    } else {
        vec3 glow = (0.8 * texture(near_soft, here).rgb + 1.5 * texture(far_soft, here).rgb) * tint.rgb * (intensity * tint.a);
        c = IMG_THIS_PIXEL(inputImage).rgb;
        c = 1.0 - (1.0 - c) * exp(-glow);
    }
    gl_FragColor = vec4(c, 1.0);
}
