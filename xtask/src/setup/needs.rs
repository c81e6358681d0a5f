/// Level of required dependencies; each includes the previous ones.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Needs {
    /// Compiling everything.
    Build,
    /// Running a call, with or without a display.
    Demo,
    /// Running the tests, with a sound card, a camera and a browser.
    Tests,
}
