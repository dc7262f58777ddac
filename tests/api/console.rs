//! The merchant's pages, as a browser without JavaScript meets them.

mod access;
mod acts;
mod browser;
mod desk;
mod pages;
mod search;
mod texts;
mod usage;
mod webhooks;
