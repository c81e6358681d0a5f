//! Texts in the recorded video, from `assets/locales/recorder/*.ftl`.

use autamedica_api::Role;
use fluent_bundle::concurrent::FluentBundle;
use fluent_bundle::{FluentArgs, FluentResource};
use unic_langid::LanguageIdentifier;

/// Texts in one language.
pub(crate) struct Texts(FluentBundle<FluentResource>);

impl Texts {
    /// Loads English for language tags that start with `en`, else Spanish.
    pub(crate) fn new(language: &str) -> Self {
        let (source, language) = if language.starts_with("en") {
            (include_str!("../../assets/locales/recorder/en.ftl"), "en")
        } else {
            (include_str!("../../assets/locales/recorder/es.ftl"), "es")
        };
        let resource = FluentResource::try_new(source.to_owned())
            .map_err(|(_, errors)| errors)
            .expect("invariant: the compiled-in texts parse, which a test checks");
        let language: LanguageIdentifier = language.parse().expect("invariant: both codes are language tags");
        let mut bundle = FluentBundle::new_concurrent(vec![language]);
        // The fonts have no glyphs for isolation marks.
        bundle.set_use_isolating(false);
        bundle.add_resource(resource).expect("invariant: no key is defined twice, which a test checks");
        Self(bundle)
    }

    /// Returns the text of `key`.
    pub(crate) fn t(&self, key: &str) -> String {
        self.format(key, None)
    }

    /// Returns the name of a role.
    pub(crate) fn role(&self, role: Role) -> String {
        self.t(match role {
            Role::Patient => "recorder-patient",
            Role::Doctor => "recorder-doctor",
            Role::Observer => "recorder-observer",
        })
    }

    /// Returns the text of `key` with one argument.
    pub(crate) fn with(&self, key: &str, name: &'static str, value: &str) -> String {
        let mut args = FluentArgs::with_capacity(1);
        args.set(name, value.to_owned());
        self.format(key, Some(&args))
    }

    fn format(&self, key: &str, args: Option<&FluentArgs<'_>>) -> String {
        let pattern = self.0.get_message(key).and_then(|message| message.value());
        let Some(pattern) = pattern else {
            tracing::error!(key, "text is missing");
            return key.to_owned();
        };
        self.0.format_pattern(pattern, args, &mut Vec::new()).into_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_languages_have_every_text() {
        let keys = ["nobody", "camera-off", "no-picture", "reconnecting", "screen", "patient", "doctor"];
        for key in keys.map(|key| format!("recorder-{key}")) {
            let [spanish, english] = ["es", "en-GB"].map(|language| Texts::new(language).with(&key, "name", "Ana"));
            assert!(spanish != key && english != key && spanish != english, "{key}");
        }
        assert_eq!(Texts::new("es").with("recorder-screen", "name", "Ana"), "Pantalla de Ana");
    }
}
