//! Records one room to one file.
