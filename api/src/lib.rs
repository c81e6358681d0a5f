//! What client and server say to each other: the REST bodies, roles, error codes and join links.
//!
//! Only plain data lives here, so that neither side drags in the other's machinery.

mod role;

pub use role::Role;
