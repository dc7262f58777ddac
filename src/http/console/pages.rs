//! Every page of the console, on one page: the router is made of it, and so are the tests of all pages.

use axum::Router;
use axum::routing::{MethodRouter, get, post};

use super::acts::{self, Act};
use super::words::Layout;
use super::{
    access, access_forms, air_gap, audit, catalog, channel_tests, channels, customers, explain, home, issue,
    key, key_acts, keys, license, licenses, map_order, orders, outbox, preferences, quota, release, style,
    usage, webhook_acts, webhook_forms, webhook_replay, webhooks,
};
use crate::domain::Scope;
use crate::http::state::HttpState;

/// Where the form for leaving is sent.
pub const SIGN_OUT: &str = "/console/sign-out";

/// One address of the console.
pub struct Page {
    /// As the router knows it: names in braces are ids.
    pub path: &'static str,
    /// Who may see it; none where it is only sent to.
    pub shows: Option<Scope>,
    /// Who may send to it; none where nothing is sent.
    pub takes: Option<Scope>,
    route: fn() -> MethodRouter<HttpState>,
}

impl Page {
    const fn shown(path: &'static str, scope: Scope, route: fn() -> MethodRouter<HttpState>) -> Self {
        Self { path, shows: Some(scope), takes: None, route }
    }

    const fn sent(path: &'static str, scope: Scope, route: fn() -> MethodRouter<HttpState>) -> Self {
        Self { path, shows: None, takes: Some(scope), route }
    }

    const fn asked(path: &'static str, scope: Scope, route: fn() -> MethodRouter<HttpState>) -> Self {
        Self { path, shows: Some(scope), takes: Some(scope), route }
    }
}

/// A way into a part of the console, for whoever has the scope.
pub struct Way {
    pub href: &'static str,
    pub word: fn(&'static Layout) -> &'static str,
    pub scope: Scope,
}

/// The main navigation, in order.
pub const NAV: &[Way] = &[
    Way { href: "/console", word: |words| words.home, scope: Scope::Read },
    Way { href: "/console/licenses", word: |words| words.licenses, scope: Scope::Read },
    Way { href: "/console/orders", word: |words| words.orders, scope: Scope::Read },
    Way { href: "/console/outbox", word: |words| words.outbox, scope: Scope::Read },
    Way { href: "/console/channels", word: |words| words.channels, scope: Scope::Read },
    Way { href: "/console/air-gap", word: |words| words.air_gap, scope: Scope::Support },
    Way { href: "/console/issue", word: |words| words.issue, scope: Scope::Issue },
    Way { href: "/console/quota", word: |words| words.quota, scope: Scope::Read },
    Way { href: "/console/catalog", word: |words| words.catalog, scope: Scope::Read },
    Way { href: "/console/customers", word: |words| words.customers, scope: Scope::Admin },
    Way { href: "/console/keys", word: |words| words.keys, scope: Scope::Read },
    Way { href: "/console/webhooks", word: |words| words.webhooks, scope: Scope::Read },
    Way { href: "/console/access", word: |words| words.access, scope: Scope::Admin },
    Way { href: "/console/audit", word: |words| words.audit, scope: Scope::Read },
];

/// Every page that needs somebody signed in.
pub fn console_pages() -> &'static [Page] {
    PAGES
}

const PAGES: &[Page] = &[
    Page::shown("/console", Scope::Read, || get(home::show)),
    Page::sent("/console/preferences", Scope::Read, || post(preferences::choose)),
    Page::sent("/console/find", Scope::Read, || post(licenses::find)),
    Page::shown("/console/licenses", Scope::Read, || get(licenses::list)),
    Page::shown("/console/licenses/{license}", Scope::Read, || get(license::show)),
    Page::sent("/console/licenses/{license}/key", Scope::Keys, || post(key::show)),
    Page::shown("/console/licenses/{license}/explanation", Scope::Read, || get(explain::show)),
    Page::asked("/console/licenses/{license}/suspend", Scope::Support, || acts::route(Act::Suspend)),
    Page::asked("/console/licenses/{license}/revoke", Scope::Revoke, || acts::route(Act::Revoke)),
    Page::asked("/console/licenses/{license}/resume", Scope::Support, || acts::route(Act::Resume)),
    Page::asked("/console/licenses/{license}/reissue", Scope::Support, || acts::route(Act::Reissue)),
    Page::asked("/console/licenses/{license}/extend", Scope::Support, || acts::route(Act::Extend)),
    Page::asked("/console/licenses/{license}/change", Scope::Issue, || acts::route(Act::Change)),
    Page::asked("/console/licenses/{license}/accept", Scope::Issue, || acts::route(Act::Accept)),
    Page::asked("/console/licenses/{license}/machines/{activation}/release", Scope::Support, || {
        get(release::ask).post(release::release)
    }),
    Page::shown("/console/orders", Scope::Read, || get(orders::list)),
    Page::shown("/console/orders/{order}", Scope::Read, || get(orders::show)),
    Page::asked("/console/orders/{order}/map", Scope::Catalog, || get(map_order::ask).post(map_order::map)),
    Page::sent("/console/orders/{order}/retry", Scope::Support, || post(orders::retry)),
    Page::shown("/console/outbox", Scope::Read, || get(outbox::list)),
    Page::sent("/console/outbox/{job}/retry", Scope::Support, || post(outbox::retry)),
    Page::shown("/console/channels", Scope::Read, || get(channels::list)),
    Page::shown("/console/channels/{channel}", Scope::Read, || get(channels::show)),
    Page::shown("/console/channels/{channel}/calls", Scope::Read, || get(channels::calls)),
    Page::sent("/console/channels/{channel}/check", Scope::Read, || post(channel_tests::check)),
    Page::asked("/console/air-gap", Scope::Support, || get(air_gap::ask).post(air_gap::answer)),
    Page::asked("/console/issue", Scope::Issue, || get(issue::ask).post(issue::issue)),
    Page::shown("/console/quota", Scope::Read, || get(quota::show)),
    Page::shown("/console/quota/usage", Scope::Read, || get(usage::list)),
    Page::shown("/console/catalog", Scope::Read, || get(catalog::show)),
    Page::asked("/console/customers", Scope::Admin, || get(customers::ask).post(customers::show)),
    Page::sent("/console/customers/export", Scope::Admin, || post(customers::export)),
    Page::sent("/console/customers/erase", Scope::Admin, || post(customers::erase)),
    Page::shown("/console/access", Scope::Admin, || get(access::show)),
    Page::asked("/console/access/tokens/new", Scope::Admin, || {
        get(access_forms::ask_token).post(access_forms::make_token)
    }),
    Page::asked("/console/access/tokens/{api_token}/revoke", Scope::Admin, || {
        get(access::ask_revoke).post(access::revoke)
    }),
    Page::asked("/console/access/links/new", Scope::Admin, || {
        get(access_forms::ask_link).post(access_forms::make_link)
    }),
    Page::sent("/console/access/links/{link}/revoke", Scope::Admin, || post(access::withdraw)),
    Page::asked("/console/access/sessions/end", Scope::Admin, || {
        get(access::ask_end_all).post(access::end_all)
    }),
    Page::sent("/console/access/sessions/{session}/end", Scope::Admin, || post(access::end)),
    Page::shown("/console/audit", Scope::Read, || get(audit::show)),
    Page::shown("/console/webhooks", Scope::Read, || get(webhooks::list)),
    Page::asked("/console/webhooks/new", Scope::Admin, || {
        get(webhook_forms::ask_new).post(webhook_forms::make)
    }),
    Page::shown("/console/webhooks/{webhook}", Scope::Read, || get(webhooks::show)),
    Page::asked("/console/webhooks/{webhook}/change", Scope::Admin, || {
        get(webhook_forms::ask_change).post(webhook_forms::change)
    }),
    Page::asked("/console/webhooks/{webhook}/since", Scope::Admin, || {
        get(webhook_replay::ask).post(webhook_replay::replay)
    }),
    Page::asked("/console/webhooks/{webhook}/secret", Scope::Admin, || {
        get(webhook_acts::ask_secret).post(webhook_acts::rotate)
    }),
    Page::asked("/console/webhooks/{webhook}/delete", Scope::Admin, || {
        get(webhook_acts::ask_delete).post(webhook_acts::delete)
    }),
    Page::sent("/console/webhooks/{webhook}/{act}", Scope::Admin, || post(webhook_acts::act)),
    Page::shown("/console/keys", Scope::Read, || get(keys::show)),
    Page::asked("/console/keys/rotate", Scope::Operator, || get(key_acts::ask_rotate).post(key_acts::rotate)),
    Page::asked("/console/keys/{kid}/retire", Scope::Operator, || {
        get(key_acts::ask_retire).post(key_acts::retire)
    }),
    Page::asked("/console/keys/{kid}/revoke", Scope::Operator, || {
        get(key_acts::ask_revoke).post(key_acts::revoke)
    }),
    Page::sent("/console/channels/{channel}/test-code", Scope::Catalog, || post(channel_tests::test_code)),
];

/// The page at an address, or the nearest one above it that can be looked at: what is only sent to cannot.
pub fn nearest_shown(address: &str) -> &str {
    let mut path = address.split('?').next().unwrap_or_default();
    if is_shown(path) {
        return address;
    }
    while let Some((above, _)) = path.rsplit_once('/') {
        path = above;
        if is_shown(path) {
            return path;
        }
    }
    "/console"
}

fn is_shown(path: &str) -> bool {
    let fits = |known: &str| {
        let (mut parts, mut own) = (known.split('/'), path.split('/'));
        loop {
            match (parts.next(), own.next()) {
                (None, None) => return true,
                (Some(part), Some(own)) if part == own || part.starts_with('{') => {}
                _ => return false,
            }
        }
    };
    PAGES.iter().any(|page| page.shows.is_some() && fits(page.path))
}

/// All of them, and the stylesheet.
pub fn routes() -> Router<HttpState> {
    let pages = PAGES.iter().fold(Router::new(), |all, page| all.route(page.path, (page.route)()));
    pages.route("/console/style/{name}", get(style::show))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_way_back_from_a_form_is_a_page() {
        for (address, page) in [
            ("/console", "/console"),
            ("/console/licenses?state=active", "/console/licenses?state=active"),
            ("/console/licenses/lic_1/key", "/console/licenses/lic_1"),
            ("/console/licenses/lic_1/suspend", "/console/licenses/lic_1/suspend"),
            ("/console/find", "/console"),
            ("/console/channels/a/check", "/console/channels/a"),
            ("/console/webhooks/new", "/console/webhooks/new"),
            ("elsewhere", "/console"),
        ] {
            assert_eq!(nearest_shown(address), page, "{address}");
        }
    }
}
