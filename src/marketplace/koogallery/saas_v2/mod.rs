//! SaaS V2.0.
//!
//! Source: zh-cn_topic_0070649414 (activities).

pub mod new_instance;
pub mod query_instance;
pub mod refresh_instance;
pub mod release_instance;
pub mod update_instance_status;

use super::family::Family;

pub static SAAS_V2: Family = Family {
    name: "saas-v2",
    activities: &[
        new_instance::ACTIVITY,
        query_instance::ACTIVITY,
        refresh_instance::ACTIVITY,
        update_instance_status::ACTIVITY,
        release_instance::ACTIVITY,
    ],
};
