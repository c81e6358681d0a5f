//! Shader programs that convert three planes, or draw one texture.

use eframe::egui_glow::{ShaderVersion, glow};
use glow::HasContext;

/// Vertex shader. Positions are in screen pixels from the left top of the picture.
const VERTEX: &str = "
uniform vec2 u_size;
I vec2 a_pos;
I vec2 a_uv;
O vec2 v_pos;
O vec2 v_uv;
void main() {
    v_pos = a_pos;
    v_uv = a_uv;
    vec2 unit = a_pos / u_size;
    gl_Position = vec4(2.0 * unit.x - 1.0, 1.0 - 2.0 * unit.y, 0.0, 1.0);
}
";

/// Fragment shader for BT.601, limited range, which libwebrtc assumes of I420 without colour metadata and the cameras
/// and test card produce. Chroma offsets and gains are folded into three multiply-adds.
///
/// The program of a plain bitmap only reads its texture: software renderers recognize that and copy rows.
const FRAGMENT: &str = "
uniform sampler2D u_y;
#if !BITMAP
uniform sampler2D u_u;
uniform sampler2D u_v;
#endif
#if !PLAIN
uniform float u_brightness;
uniform float u_opacity;
#endif
#if MINIFIED
uniform vec2 u_tap;
#endif
#if ROUNDED
uniform vec2 u_half;
uniform float u_radius;
#endif
I vec2 v_pos;
I vec2 v_uv;
void main() {
#if BITMAP
    vec4 color = BITMAP_AT(v_uv);
#if PLAIN
    FRAGMENT_OUT = color;
#else
    vec3 rgb = color.rgb;
#endif
#else
#if MINIFIED
    float luma = 0.25 * (texture2D(u_y, v_uv + u_tap).r + texture2D(u_y, v_uv - u_tap).r
        + texture2D(u_y, v_uv + vec2(u_tap.x, -u_tap.y)).r + texture2D(u_y, v_uv + vec2(-u_tap.x, u_tap.y)).r);
#else
    float luma = texture2D(u_y, v_uv).r;
#endif
    float y = 1.164384 * luma - 0.073059;
    float u = texture2D(u_u, v_uv).r - 0.501961;
    float v = texture2D(u_v, v_uv).r - 0.501961;
    vec3 rgb = vec3(y + 1.596027 * v, y - 0.391762 * u - 0.812968 * v, y + 2.017232 * u);
#endif
#if !PLAIN
    float alpha = u_opacity;
#if ROUNDED
    vec2 outside = max(abs(v_pos - u_half) - (u_half - u_radius), 0.0);
    alpha *= clamp(u_radius - length(outside) + 0.5, 0.0, 1.0);
#endif
    FRAGMENT_OUT = vec4(clamp(rgb, 0.0, 1.0) * u_brightness * alpha, alpha);
#endif
}
";

/// Variant of the program.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Variant {
    /// Reads one texture instead of three planes.
    pub bitmap: bool,
    /// Averages four samples of luma.
    pub minified: bool,
    /// Has round corners.
    pub rounded: bool,
    /// Bitmap drawn unchanged: opaque, undimmed and with straight edges.
    pub plain: bool,
}

/// Compiled variant with the locations of its inputs.
pub(super) struct Program {
    pub id: glow::Program,
    pub size: Option<glow::UniformLocation>,
    pub brightness: Option<glow::UniformLocation>,
    pub opacity: Option<glow::UniformLocation>,
    pub tap: Option<glow::UniformLocation>,
    pub half: Option<glow::UniformLocation>,
    pub radius: Option<glow::UniformLocation>,
}

/// Attribute locations, bound before linking so that all variants share vertex arrays.
pub(super) const POS: u32 = 0;
pub(super) const UV: u32 = 1;

impl Program {
    /// Compiles a variant.
    ///
    /// # Safety
    /// `gl` must be current on this thread.
    pub unsafe fn new(gl: &glow::Context, version: ShaderVersion, variant: Variant) -> Result<Self, String> {
        unsafe {
            let id = gl.create_program()?;
            for (stage, source) in [(glow::VERTEX_SHADER, VERTEX), (glow::FRAGMENT_SHADER, FRAGMENT)] {
                let shader = gl.create_shader(stage)?;
                gl.shader_source(shader, &with_header(version, stage, source, variant));
                gl.compile_shader(shader);
                if !gl.get_shader_compile_status(shader) {
                    return Err(gl.get_shader_info_log(shader));
                }
                gl.attach_shader(id, shader);
                // The shader is deleted together with its program.
                gl.delete_shader(shader);
            }
            gl.bind_attrib_location(id, POS, "a_pos");
            gl.bind_attrib_location(id, UV, "a_uv");
            gl.link_program(id);
            if !gl.get_program_link_status(id) {
                return Err(gl.get_program_info_log(id));
            }
            gl.use_program(Some(id));
            for (unit, plane) in ["u_y", "u_u", "u_v"].into_iter().enumerate() {
                gl.uniform_1_i32(gl.get_uniform_location(id, plane).as_ref(), unit as i32);
            }
            let at = |name| gl.get_uniform_location(id, name);
            Ok(Self {
                id,
                size: at("u_size"),
                brightness: at("u_brightness"),
                opacity: at("u_opacity"),
                tap: at("u_tap"),
                half: at("u_half"),
                radius: at("u_radius"),
            })
        }
    }
}

/// Adapts the source to GLSL 1.20, 1.40, ES 1.00 and ES 3.00.
fn with_header(version: ShaderVersion, stage: u32, source: &str, variant: Variant) -> String {
    let new = version.is_new_shader_interface();
    let (input, output) = match (new, stage == glow::VERTEX_SHADER) {
        (true, _) => ("in", "out"),
        (false, true) => ("attribute", "varying"),
        (false, false) => ("varying", ""),
    };
    let mut text = version.version_declaration().to_owned();
    if version.is_embedded() {
        text.push_str(
            "#ifdef GL_FRAGMENT_PRECISION_HIGH\nprecision highp float;\n#else\nprecision mediump float;\n#endif\n",
        );
    }
    text.push_str(&format!("#define I {input}\n#define O {output}\n"));
    for (name, value) in [
        ("BITMAP", variant.bitmap),
        ("MINIFIED", variant.minified),
        ("ROUNDED", variant.rounded),
        ("PLAIN", variant.plain),
    ] {
        text.push_str(&format!("#define {name} {}\n", u8::from(value)));
    }
    // ES has no BGRA format: bitmaps are uploaded as RGBA there and swizzled here.
    let order = if version.is_embedded() { "bgra" } else { "rgba" };
    text.push_str(&format!("#define BITMAP_AT(uv) texture2D(u_y, uv).{order}\n"));
    if stage == glow::FRAGMENT_SHADER {
        text.push_str(if new {
            "out vec4 f_color;\n#define FRAGMENT_OUT f_color\n#define texture2D texture\n"
        } else {
            "#define FRAGMENT_OUT gl_FragColor\n"
        });
    }
    text.push_str(source);
    text
}
