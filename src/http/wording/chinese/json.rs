//! What the readers of JSON and of TOML say of a request. Their words are no literals of ours: the tests beside the reader provoke them.

use super::Row;

pub const ROWS: &[Row] = &[
    ["missing field `{}`", "缺少成员 `{}`"],
    ["unknown field `{}`, expected `{}`", "没有成员 `{}`，可用的是 `{}`"],
    ["unknown field `{}`, expected `{}` or `{}`", "没有成员 `{}`，可用的是 `{}` 或 `{}`"],
    ["unknown field `{}`, expected one of {}", "没有成员 `{}`，可用的有 {}"],
    ["unknown field `{}`, there are no fields", "没有成员 `{}`，此处不接受任何成员"],
    ["unknown variant `{}`, expected `{}`", "没有 `{}` 这个值，可用的是 `{}`"],
    ["unknown variant `{}`, expected `{}` or `{}`", "没有 `{}` 这个值，可用的是 `{}` 或 `{}`"],
    ["unknown variant `{}`, expected one of {}", "没有 `{}` 这个值，可用的有 {}"],
    ["invalid type: {}, expected {}", "类型不符：应为{1?}，不能是{0?}"],
    ["invalid value: {}, expected {}", "取值不符：应为{1?}，不能是{0?}"],
    ["invalid length {}, expected {}", "长度不符：应为{1?}，不能是{0?}"],
    ["duplicate field `{}`", "成员 `{}` 出现了两次"],
    ["data did not match any variant of untagged enum {}", "内容不符合任何一种可用的形式（{}）"],
    // What was found.
    ["integer `{}`", "整数 `{}`"],
    ["floating point `{}`", "小数 `{}`"],
    ["boolean `{}`", "布尔值 `{}`"],
    ["string \"{}\"", "字符串 \"{}\""],
    ["map", "对象"],
    ["sequence", "数组"],
    // What was expected; `a string` has its row with the apply file.
    ["a boolean", "布尔值"],
    ["a sequence", "数组"],
    ["a map", "对象"],
    ["u8", "0 至 255 的整数"],
    ["u16", "0 至 65535 的整数"],
    ["u32", "0 至 4294967295 的整数"],
    ["u64", "非负整数"],
    ["i64", "整数"],
    ["usize", "非负整数"],
    ["struct {}", "对象（{}）"],
];
