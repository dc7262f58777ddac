//! License authorization codes 2.0: the marketplace makes the code, shows it to the buyer and tells of its changes.
//!
//! The code is the instance id. Source: zh-cn_topic_0070649173 (model), zh-cn_topic_0070649167 to
//! zh-cn_topic_0070649169 (callbacks).

mod new_instance;
mod refresh_license_code;
mod release_license_code;
mod update_license_code_status;

use super::family::Family;
use super::order_notify;

pub static LICENSE_CODE: Family = Family {
    name: "license-code",
    activities: &[
        new_instance::ACTIVITY,
        refresh_license_code::ACTIVITY,
        update_license_code_status::ACTIVITY,
        release_license_code::ACTIVITY,
        order_notify::ACTIVITY,
    ],
};
