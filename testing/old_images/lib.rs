//! Empty, because Cargo insists on a target.
