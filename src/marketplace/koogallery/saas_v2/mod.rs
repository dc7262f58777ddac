//! SaaS V2.0.
//!
//! Source: zh-cn_topic_0070649414 (activities).

pub mod change_instance_check;
pub mod new_instance;
pub mod query_instance;
pub mod refresh_instance;
pub mod release_instance;
pub mod update_instance_status;
pub mod upgrade_instance;

use super::family::Family;
use super::order_notify;

pub static SAAS_V2: Family = Family {
    name: "saas-v2",
    activities: &[
        new_instance::ACTIVITY,
        query_instance::ACTIVITY,
        refresh_instance::ACTIVITY,
        update_instance_status::ACTIVITY,
        release_instance::ACTIVITY,
        upgrade_instance::ACTIVITY,
        change_instance_check::ACTIVITY,
        order_notify::ACTIVITY,
    ],
};
