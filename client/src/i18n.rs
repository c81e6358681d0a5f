//! Displayed texts by language. They are in `assets/locales/*.ftl`; code refers to them by key.

use std::borrow::Cow;

use fluent_bundle::concurrent::FluentBundle;
use fluent_bundle::{FluentArgs, FluentResource, FluentValue};
use unic_langid::LanguageIdentifier;

/// Language of the app.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
pub enum Language {
    /// Spanish: the main language of the clinics.
    #[default]
    #[serde(rename = "es")]
    Spanish,
    /// English.
    #[serde(rename = "en")]
    English,
}

impl Language {
    /// All languages, in the order in which they are offered.
    pub const ALL: [Self; 2] = [Self::Spanish, Self::English];

    /// Returns the system's language if it is supported, else Spanish.
    pub fn of_system() -> Self {
        sys_locale::get_locales().find_map(|locale| Self::from_locale(&locale)).unwrap_or_default()
    }

    /// Returns the language of a locale such as `es-AR`, `en_US.UTF-8` or `en`.
    fn from_locale(locale: &str) -> Option<Self> {
        let language = locale.split(['-', '_', '.']).next().unwrap_or_default();
        Self::ALL.into_iter().find(|known| known.code().eq_ignore_ascii_case(language))
    }

    /// Returns the two-letter code.
    pub const fn code(self) -> &'static str {
        match self {
            Self::Spanish => "es",
            Self::English => "en",
        }
    }

    /// Returns the language's name for itself.
    pub const fn own_name(self) -> &'static str {
        match self {
            Self::Spanish => "Español",
            Self::English => "English",
        }
    }

    /// Returns the Fluent file of the texts that every edition has.
    const fn common(self) -> &'static str {
        match self {
            Self::Spanish => include_str!("../../assets/locales/es.ftl"),
            Self::English => include_str!("../../assets/locales/en.ftl"),
        }
    }

    fn identifier(self) -> LanguageIdentifier {
        self.code().parse().expect("invariant: our codes are language tags")
    }
}

impl std::str::FromStr for Language {
    type Err = UnknownLanguage;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::from_locale(text).ok_or(UnknownLanguage)
    }
}

/// Unsupported language.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the language must be `es` or `en`")]
pub struct UnknownLanguage;

/// Fluent files in addition to the common ones, by language.
pub type MoreTexts = fn(Language) -> &'static [&'static str];

/// Returns no files.
pub fn no_more(_: Language) -> &'static [&'static str] {
    &[]
}

/// Texts of one language.
pub struct Texts {
    language: Language,
    more: MoreTexts,
    bundle: FluentBundle<FluentResource>,
}

impl Texts {
    /// Loads the common texts of a language.
    pub fn new(language: Language) -> Self {
        Self::with_more(language, no_more)
    }

    /// Loads the common texts and more of a language. Cannot fail at run time, because the texts are compiled in.
    pub fn with_more(language: Language, more: MoreTexts) -> Self {
        let mut bundle = FluentBundle::new_concurrent(vec![language.identifier()]);
        // Isolation marks are for mixed writing directions, which do not occur here, and fonts show them as boxes.
        bundle.set_use_isolating(false);
        for source in [&language.common()].into_iter().chain(more(language)) {
            let resource = FluentResource::try_new((*source).to_owned())
                .map_err(|(_, errors)| errors)
                .expect("invariant: the compiled-in locales parse, which a test checks");
            bundle.add_resource(resource).expect("invariant: no key is defined twice, which a test checks");
        }
        Self { language, more, bundle }
    }

    /// Loads the same texts in another language.
    #[must_use]
    pub fn in_language(&self, language: Language) -> Self {
        Self::with_more(language, self.more)
    }

    /// Returns the language.
    pub fn language(&self) -> Language {
        self.language
    }

    /// Returns the text of `key`.
    pub fn t(&self, key: &str) -> Cow<'_, str> {
        self.format(key, None)
    }

    /// Returns the text of `key` with these values.
    pub fn with(&self, key: &str, values: &[(&'static str, Value<'_>)]) -> String {
        let mut args = FluentArgs::with_capacity(values.len());
        for (name, value) in values {
            args.set(*name, value.to_fluent());
        }
        self.format(key, Some(&args)).into_owned()
    }

    fn format<'a>(&'a self, key: &str, args: Option<&'a FluentArgs<'_>>) -> Cow<'a, str> {
        let Some(pattern) = self.bundle.get_message(key).and_then(|message| message.value()) else {
            // Tests exclude this; a key is better than a crash.
            tracing::error!(key, "text is missing");
            return Cow::Owned(key.to_owned());
        };
        let mut errors = Vec::new();
        let text = self.bundle.format_pattern(pattern, args, &mut errors);
        if !errors.is_empty() {
            tracing::error!(key, ?errors, "text not formatted");
        }
        text
    }
}

/// Value in a text.
#[derive(Clone, Copy, Debug)]
pub enum Value<'a> {
    /// Whole number, which may select a plural form.
    Number(u64),
    /// Name, time or message.
    Text(&'a str),
}

impl Value<'_> {
    fn to_fluent(self) -> FluentValue<'static> {
        match self {
            Self::Number(number) => FluentValue::from(number as f64),
            Self::Text(text) => FluentValue::from(text.to_owned()),
        }
    }
}

impl From<u64> for Value<'_> {
    fn from(number: u64) -> Self {
        Self::Number(number)
    }
}

impl<'a> From<&'a str> for Value<'a> {
    fn from(text: &'a str) -> Self {
        Self::Text(text)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};
    use std::fs;
    use std::path::Path;

    use super::*;
    use crate::full::more_texts;

    /// Returns the patterns by key.
    fn entries(language: Language) -> BTreeMap<String, String> {
        let mut entries: BTreeMap<String, String> = BTreeMap::new();
        let mut last = None;
        let files = [language.common()].into_iter().chain(more_texts(language).iter().copied());
        for line in files.flat_map(str::lines) {
            if line.starts_with(' ') {
                let key: &String = last.as_ref().expect("a continuation follows a key");
                entries.get_mut(key).expect("inserted").push_str(line);
            } else if let Some((key, pattern)) = line.split_once('=').filter(|_| !line.starts_with('#')) {
                let key = key.trim().to_owned();
                assert!(entries.insert(key.clone(), pattern.trim().to_owned()).is_none(), "{key} is defined twice");
                last = Some(key);
            }
        }
        entries
    }

    /// Returns the client's sources, except this file.
    fn sources() -> Vec<String> {
        fn walk(folder: &Path, found: &mut Vec<String>) {
            for entry in fs::read_dir(folder).expect("the sources are there") {
                let path = entry.expect("readable").path();
                if path.is_dir() {
                    walk(&path, found);
                } else if path.extension().is_some_and(|e| e == "rs") && !path.ends_with("i18n.rs") {
                    found.push(fs::read_to_string(&path).expect("readable"));
                }
            }
        }
        let mut found = Vec::new();
        walk(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"), &mut found);
        found
    }

    /// Returns all string literals in the code.
    fn literals_in_code() -> BTreeSet<String> {
        sources().iter().flat_map(|text| text.split('"').map(str::to_owned).collect::<Vec<_>>()).collect()
    }

    /// Returns the literal keys passed to `t(…)` and `with(…)`, including both branches of an `if`.
    fn keys_asked_for() -> BTreeSet<String> {
        let mut found = BTreeSet::new();
        for text in sources() {
            for call in [".t(", "texts.with("] {
                for rest in text.split(call).skip(1) {
                    let argument = rest.split([')', ',', '\n']).next().unwrap_or_default();
                    found.extend(argument.split('"').skip(1).step_by(2).map(str::to_owned));
                }
            }
        }
        found
    }

    #[test]
    fn both_languages_have_the_same_keys() {
        let [spanish, english] = Language::ALL.map(entries);
        assert!(spanish.len() > 50, "only {} keys were read", spanish.len());
        let keys = |entries: &BTreeMap<String, String>| entries.keys().cloned().collect::<BTreeSet<_>>();
        assert_eq!(keys(&spanish), keys(&english));
    }

    #[test]
    fn both_languages_use_the_same_values() {
        fn values(pattern: &str) -> BTreeSet<&str> {
            let ends = |c: char| !(c.is_ascii_alphanumeric() || c == '_');
            pattern.split('$').skip(1).filter_map(|rest| rest.split(ends).next()).collect()
        }
        let [spanish, english] = Language::ALL.map(entries);
        for (key, pattern) in &spanish {
            assert_eq!(values(pattern), values(&english[key]), "{key}");
        }
    }

    #[test]
    fn nothing_is_left_untranslated() {
        let [spanish, english] = Language::ALL.map(entries);
        // Names, and words that are equal in both languages.
        let same = ["app-name", "role-doctor", "chat-caption", "panel-chat", "milliseconds", "statistics-kbps"];
        for (key, pattern) in &spanish {
            if !same.contains(&key.as_str()) {
                assert_ne!(pattern, &english[key], "{key} reads the same in both languages");
            }
        }
    }

    #[test]
    fn every_key_asked_for_exists() {
        let [spanish, _] = Language::ALL.map(entries);
        let asked = keys_asked_for();
        assert!(asked.len() > 30, "only {} keys were found in the code", asked.len());
        let missing: Vec<_> = asked.iter().filter(|key| !spanish.contains_key(*key)).collect();
        assert!(missing.is_empty(), "asked for, but not in the locales: {missing:?}");
    }

    #[test]
    fn every_key_is_used() {
        let literals = literals_in_code();
        let unused: Vec<_> = entries(Language::Spanish).into_keys().filter(|key| !literals.contains(key)).collect();
        assert!(unused.is_empty(), "in the locales, but nowhere in the code: {unused:?}");
    }

    #[test]
    fn every_text_formats_in_both_languages() {
        for language in Language::ALL {
            let texts = Texts::with_more(language, more_texts);
            for (key, pattern) in entries(language) {
                let names: Vec<String> = pattern
                    .split('$')
                    .skip(1)
                    .filter_map(|rest| rest.split(|c: char| !c.is_ascii_alphanumeric()).next())
                    .map(str::to_owned)
                    .collect();
                let mut args = FluentArgs::new();
                for name in &names {
                    args.set(name.as_str(), FluentValue::from(2.0));
                }
                let message = texts.bundle.get_message(&key).expect("the key exists");
                let mut errors = Vec::new();
                let text = texts.bundle.format_pattern(message.value().expect("has a text"), Some(&args), &mut errors);
                assert!(errors.is_empty() && !text.trim().is_empty(), "{key}: {errors:?}");
            }
        }
    }

    #[test]
    fn locales_of_systems_are_understood() {
        assert_eq!(Language::from_locale("es-AR"), Some(Language::Spanish));
        assert_eq!(Language::from_locale("en_US.UTF-8"), Some(Language::English));
        assert_eq!(Language::from_locale("C"), None);
        assert_eq!("EN".parse(), Ok(Language::English));
        assert_eq!("fr".parse::<Language>(), Err(UnknownLanguage));
    }

    #[test]
    fn plurals_follow_the_number() {
        let texts = Texts::new(Language::Spanish);
        assert_eq!(texts.with("end-lasted", &[("minutes", 1.into())]), "Duró 1 minuto.");
        assert_eq!(texts.with("end-lasted", &[("minutes", 18.into())]), "Duró 18 minutos.");
    }
}
