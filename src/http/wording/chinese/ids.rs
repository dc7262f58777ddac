//! Ids and other values: what they are called, and how they are written.

use super::Row;

pub const ROWS: &[Row] = &[
    ["the {} must be {}", "{0!}须为{1!}"],
    // How they are written.
    ["1 to 64 lower-case letters, digits and inner hyphens", "1 至 64 个小写字母、数字或位于中间的连字符"],
    [
        "43 characters of base64url, as `lictor keys list` shows it",
        "43 个 base64url 字符，与 `lictor keys list` 显示的一致",
    ],
    ["1 to 64 letters, digits, dots, underscores and hyphens", "1 至 64 个字母、数字、点、下划线或连字符"],
    ["1 to 128 visible ASCII characters", "1 至 128 个可见 ASCII 字符"],
    ["1 to 64 visible ASCII characters", "1 至 64 个可见 ASCII 字符"],
    ["`{}` and 22 letters or digits", "`{}` 加 22 个字母或数字"],
    ["`pkg_`, 22 letters or digits, `_` and a number", "`pkg_`、22 个字母或数字、`_` 和一个数字"],
    // Other values.
    ["an amount is a decimal number such as 1000 or 0.5", "数量须为十进制数，例如 1000 或 0.5"],
    ["an amount has at most 4 decimals", "数量最多 4 位小数"],
    ["an amount is below 900000000000", "数量须小于 900000000000"],
    ["a claim code has 25 letters and digits in groups of five", "激活码由 25 个字母和数字组成，每五个一组"],
    ["a claim code has no character {}", "激活码中不会出现字符 {}"],
    [
        "the claim code was mistyped: its last character does not fit the others",
        "激活码输入有误：末位字符与其他字符不符，请检查后重新输入",
    ],
    [
        "a term is P1M, P1Y, PnM, PnY, PnD or permanent, with n from 1 to 1200",
        "时长须为 P1M、P1Y、PnM、PnY、PnD 或 permanent，其中 n 为 1 至 1200",
    ],
    ["the end lies after the year 9999", "到期时间超出了 9999 年"],
    [
        "an instant is RFC 3339, such as 2026-01-31T08:00:00Z",
        "时间须为 RFC 3339 格式，例如 2026-01-31T08:00:00Z",
    ],
    ["an instant is RFC 3339, UTC, with Z", "时间须为 RFC 3339 格式的 UTC 时间，以 Z 结尾"],
    [
        "an instant is RFC 3339 in UTC with whole seconds from 1970 on, such as 2026-01-31T08:00:00Z",
        "时间须为 1970 年以后、精确到整秒的 RFC 3339 格式 UTC 时间，例如 2026-01-31T08:00:00Z",
    ],
    ["a time such as 2026-12-01T00:00:00Z", "时间须写作 2026-12-01T00:00:00Z 的形式"],
    ["true or false", "true 或 false"],
];
