//! Buttons are clicked and knobs are turned; the wishes that come out are what was meant.
