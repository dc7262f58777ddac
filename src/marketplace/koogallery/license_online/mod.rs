//! Online License provisioning: instances as in SaaS V2.0, and the License itself on application.
//!
//! Source: zh-cn_topic_0070649282 (activities), zh-cn_topic_0070649251 to zh-cn_topic_0070649255.

mod get_license_async;

use super::family::Family;
use super::order_notify;
use super::saas_v2::{
    new_instance, query_instance, refresh_instance, release_instance, update_instance_status,
    upgrade_instance,
};

/// `queryInstance` and `upgradeInstance` are named in the text of this guide and described in the SaaS one.
pub static LICENSE_ONLINE: Family = Family {
    name: "license-online",
    activities: &[
        new_instance::ACTIVITY,
        refresh_instance::ACTIVITY,
        update_instance_status::ACTIVITY,
        release_instance::ACTIVITY,
        get_license_async::ACTIVITY,
        query_instance::ACTIVITY,
        upgrade_instance::ACTIVITY,
        order_notify::ACTIVITY,
    ],
};
