//! Import cycles among the files of a crate.
//!
//! A file depends on the files that define the names it uses: re-exports are followed, `pub use` of a child is no
//! dependency, and tests don't count. Names inside macro calls are not seen.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use petgraph::algo::tarjan_scc;
use petgraph::graphmap::DiGraphMap;
use syn::visit::{self, Visit};
use syn::{Attribute, Item, ItemMod, ItemUse, UseTree, Visibility};

/// Path from the crate's root: `["store", "Event"]`.
type ItemPath = Vec<String>;

/// Use of a name of this crate.
struct Reference {
    /// Module that contains the reference.
    module: ItemPath,
    path: ItemPath,
}

#[derive(Default)]
struct Module {
    file: PathBuf,
    items: BTreeSet<String>,
    /// Imported names and their meaning in this crate.
    imports: BTreeMap<String, Option<ItemPath>>,
}

#[derive(Default)]
struct Crate {
    modules: BTreeMap<ItemPath, Module>,
    references: Vec<Reference>,
}

/// Returns the cycles among the files under a crate's `src`, each as its files relative to `src`.
///
/// # Errors
/// A file can't be read or parsed.
pub fn circles(src: &Path) -> Result<Vec<Vec<PathBuf>>> {
    let mut all = Crate::default();
    for root in ["lib.rs", "main.rs"] {
        // A `main.rs` next to a `lib.rs` is another crate, of one file.
        if src.join(root).exists() && all.modules.is_empty() {
            all.read(src, Path::new(root), Vec::new())?;
        }
    }
    let components = tarjan_scc(&all.graph());
    let circles = components.into_iter().filter(|files| files.len() > 1);
    Ok(circles.map(|files| files.into_iter().cloned().collect()).collect())
}

impl Crate {
    /// Reads a file and those of the modules that it declares.
    fn read(&mut self, src: &Path, file: &Path, module: ItemPath) -> Result<()> {
        let path = src.join(file);
        let text = fs::read_to_string(&path).with_context(|| format!("reading {}", path.display()))?;
        let parsed = syn::parse_file(&text).with_context(|| format!("parsing {}", path.display()))?;
        let mut reader = Reader { all: self, file, module, declared: Vec::new() };
        reader.module_of(&parsed.items);
        let declared = reader.declared;
        for child in declared {
            let folder: PathBuf = child.iter().collect();
            let candidates = [folder.with_extension("rs"), folder.join("mod.rs")];
            let Some(file) = candidates.iter().find(|file| src.join(file).exists()) else {
                bail!("{}: no file of the module `{}`", path.display(), child.join("::"));
            };
            self.read(src, file, child)?;
        }
        Ok(())
    }

    /// Returns the dependencies among files.
    fn graph(&self) -> DiGraphMap<&PathBuf, ()> {
        let edge = |Reference { module, path }: &Reference| {
            let from = &self.modules[module].file;
            self.defined_in(path, 0).filter(|to| *to != from).map(|to| (from, to))
        };
        self.references.iter().filter_map(edge).collect()
    }

    /// Returns the file that defines the item at a path. `depth` limits cyclic re-exports.
    fn defined_in(&self, path: &[String], depth: usize) -> Option<&PathBuf> {
        let length = (0..=path.len()).rev().find(|length| self.modules.contains_key(&path[..*length]))?;
        let (module, rest) = (&self.modules[&path[..length]], &path[length..]);
        let Some(name) = rest.first().filter(|name| !module.items.contains(*name)) else { return Some(&module.file) };
        match module.imports.get(name) {
            Some(Some(import)) if depth < 8 => self.defined_in(&[import, &rest[1..]].concat(), depth + 1),
            Some(None) => None,
            _ => Some(&module.file),
        }
    }
}

struct Reader<'a> {
    all: &'a mut Crate,
    file: &'a Path,
    module: ItemPath,
    /// Modules in files of their own.
    declared: Vec<ItemPath>,
}

impl Reader<'_> {
    /// Reads a module: first the names of its items, which all of them may use.
    fn module_of(&mut self, items: &[Item]) {
        let mut module = Module { file: self.file.to_owned(), ..Module::default() };
        module.items.extend(items.iter().filter_map(name_of));
        self.all.modules.insert(self.module.clone(), module);
        // A path may begin with a child that is declared later.
        for item in items {
            if let Item::Mod(child) = item
                && !is_test(&child.attrs)
            {
                let path = [self.module.clone(), vec![child.ident.to_string()]].concat();
                self.all
                    .modules
                    .entry(path)
                    .or_insert_with(|| Module { file: self.file.to_owned(), ..Module::default() });
            }
        }
        for item in items.iter().filter(|item| matches!(item, Item::Use(_))) {
            self.visit_item(item);
        }
        for item in items.iter().filter(|item| !matches!(item, Item::Use(_))) {
            self.visit_item(item);
        }
    }

    fn module(&mut self) -> &mut Module {
        self.all.modules.get_mut(&self.module).expect("a module is inserted before its items are read")
    }

    fn is_child(&self, name: &str) -> bool {
        self.all.modules.contains_key(&[self.module.clone(), vec![name.to_owned()]].concat())
    }

    /// Returns the path from the crate's root; `None` for other crates.
    fn absolute(&self, path: &[String]) -> Option<ItemPath> {
        let mut rest = path;
        let mut base = match path.first()?.as_str() {
            "crate" => Vec::new(),
            "self" | "super" => self.module.clone(),
            name if self.is_child(name) => self.module.clone(),
            _ => return None,
        };
        while let Some(first) = rest.first() {
            match first.as_str() {
                "crate" | "self" => {}
                "super" => drop(base.pop()),
                _ => break,
            }
            rest = &rest[1..];
        }
        Some([base, rest.to_vec()].concat())
    }

    fn refer(&mut self, path: ItemPath) {
        self.all.references.push(Reference { module: self.module.clone(), path });
    }
}

impl<'ast> Visit<'ast> for Reader<'_> {
    fn visit_item(&mut self, item: &'ast Item) {
        if !attributes_of(item).is_some_and(is_test) {
            visit::visit_item(self, item);
        }
    }

    fn visit_item_mod(&mut self, item: &'ast ItemMod) {
        let path = [self.module.clone(), vec![item.ident.to_string()]].concat();
        match &item.content {
            None => self.declared.push(path),
            Some((_, items)) => {
                let outer = std::mem::replace(&mut self.module, path);
                self.module_of(items);
                self.module = outer;
            }
        }
    }

    fn visit_item_use(&mut self, item: &'ast ItemUse) {
        let exports = !matches!(item.vis, Visibility::Inherited);
        for (path, alias) in leaves(&item.tree, &[]) {
            let path = self.absolute(&path);
            self.module().imports.insert(alias, path.clone());
            let Some(path) = path else { continue };
            let of_child = path.len() > self.module.len() && path.starts_with(&self.module);
            if !(exports && of_child) {
                self.refer(path);
            }
        }
    }

    fn visit_path(&mut self, path: &'ast syn::Path) {
        let names: ItemPath = path.segments.iter().map(|segment| segment.ident.to_string()).collect();
        let first = &names[0];
        let is_imported = self.all.modules[&self.module].imports.contains_key(first);
        if names.len() > 1
            && !is_imported
            && let Some(path) = self.absolute(&names)
        {
            self.refer(path);
        }
        visit::visit_path(self, path);
    }
}

/// Returns every path of a `use` with its local name.
fn leaves(tree: &UseTree, before: &[String]) -> Vec<(ItemPath, String)> {
    let with = |name: String| [before, &[name]].concat();
    match tree {
        UseTree::Path(path) => leaves(&path.tree, &with(path.ident.to_string())),
        UseTree::Group(group) => group.items.iter().flat_map(|tree| leaves(tree, before)).collect(),
        UseTree::Glob(_) => vec![(before.to_vec(), "*".to_owned())],
        UseTree::Name(name) if name.ident == "self" => {
            vec![(before.to_vec(), before.last().cloned().unwrap_or_default())]
        }
        UseTree::Name(name) => vec![(with(name.ident.to_string()), name.ident.to_string())],
        UseTree::Rename(rename) => vec![(with(rename.ident.to_string()), rename.rename.to_string())],
    }
}

fn name_of(item: &Item) -> Option<String> {
    let name = match item {
        Item::Const(item) => &item.ident,
        Item::Enum(item) => &item.ident,
        Item::Fn(item) => &item.sig.ident,
        Item::Macro(item) => item.ident.as_ref()?,
        Item::Static(item) => &item.ident,
        Item::Struct(item) => &item.ident,
        Item::Trait(item) => &item.ident,
        Item::Type(item) => &item.ident,
        Item::Union(item) => &item.ident,
        _ => return None,
    };
    Some(name.to_string())
}

fn attributes_of(item: &Item) -> Option<&[Attribute]> {
    Some(match item {
        Item::Const(item) => &item.attrs,
        Item::Enum(item) => &item.attrs,
        Item::Fn(item) => &item.attrs,
        Item::Impl(item) => &item.attrs,
        Item::Mod(item) => &item.attrs,
        Item::Struct(item) => &item.attrs,
        Item::Use(item) => &item.attrs,
        _ => return None,
    })
}

/// Returns `true` if an item exists for tests only.
fn is_test(attributes: &[Attribute]) -> bool {
    attributes.iter().any(|attribute| {
        attribute.path().is_ident("cfg")
            && attribute.parse_args::<syn::Path>().is_ok_and(|condition| condition.is_ident("test"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn circles_of(files: &[(&str, &str)]) -> Vec<Vec<PathBuf>> {
        let folder = tempfile::tempdir().unwrap();
        for (name, text) in files {
            let path = folder.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        let mut found = circles(folder.path()).unwrap();
        found.iter_mut().for_each(|circle| circle.sort());
        found
    }

    #[test]
    fn imports_that_lead_back_are_a_circle() {
        let found = circles_of(&[
            ("lib.rs", "mod a;\nmod b;\nmod c;"),
            ("a.rs", "use crate::b::B;\npub struct A(B);"),
            ("b.rs", "pub struct B;\nfn f() { super::a::g(); }"),
            ("c.rs", "use crate::{a::A, b};\nfn f(_: A) -> b::B { b::B }"),
        ]);
        assert_eq!(found, [[PathBuf::from("a.rs"), PathBuf::from("b.rs")]]);
    }

    #[test]
    fn a_child_that_uses_what_its_parent_defines_is_a_circle_if_the_parent_uses_it() {
        let parent = "mod child;\npub struct P;\nfn f() { child::g(); }";
        let found =
            circles_of(&[("lib.rs", "mod p;"), ("p/mod.rs", parent), ("p/child.rs", "use super::P;\npub fn g() {}")]);
        assert_eq!(found, [[PathBuf::from("p/child.rs"), PathBuf::from("p/mod.rs")]]);
    }

    #[test]
    fn reexports_and_tests_are_no_circle() {
        let found = circles_of(&[
            ("lib.rs", "mod a;\nmod b;\npub use a::A;\npub use b::B;"),
            ("a.rs", "use crate::B;\npub struct A(B);\n#[cfg(test)]\nmod tests { use crate::C; use super::*; }"),
            ("b.rs", "pub struct B;\n#[cfg(test)]\nmod tests { use crate::A; }"),
        ]);
        assert!(found.is_empty(), "{found:?}");
    }
}
