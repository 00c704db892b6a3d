//! What a decoder looks like.
