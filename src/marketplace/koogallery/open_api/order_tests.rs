use super::*;

fn ask(status: u16, body: &str) -> Result<OrderDetails, OpenApiError> {
    read(&Answer { status, body: body.as_bytes().to_vec() }, "CS1", Some("CS1-000001"))
}

fn answer(line: &str) -> String {
    format!(
        r#"{{"resultCode":"MKT.0000","resultMsg":"ok","new":[1],"orderInfo":{{"orderId":"CS1","orderType":"NEW",
        "createTime":"20220726064736","buyerInfo":{{"customerId":"c1","email":"x"}},"orderLine":[{line}]}}}}"#
    )
}

const LINE: &str = r#"{"orderLineId":"CS1-000001","chargingMode":"PERIOD","periodType":"year","periodNumber":1,
    "expireTime":"20230726155959","extendParams":[],"productInfo":[{"productId":"P","skuCode":"S","linearValue":10}]}"#;

#[test]
fn the_printed_example_is_read() {
    let order = ask(200, &answer(LINE)).unwrap();
    assert_eq!(order.kind, OrderKind::New);
    assert_eq!(order.customer.as_deref(), Some("c1"));
    assert_eq!(order.created_at, time::parse("20220726064736").unwrap());
    assert_eq!(
        order.lines,
        [OrderLineDetails {
            order_line_id: "CS1-000001".into(),
            charging: Charging::Period,
            expires_at: time::parse("20230726155959"),
            ends_at: None,
            period: Some((PeriodUnit::Year, 1)),
            product_id: Some("P".into()),
            sku: Some("S".into()),
            quantity: Some(10),
        }]
    );
}

#[test]
fn forms_vary_and_mean_the_same() {
    let plain = ask(200, &answer(LINE)).unwrap();
    for (from, to) in [
        ("\"linearValue\":10", "\"linearValue\":\"10\""),
        ("\"linearValue\":10", "\"linearValue\":10.0"),
        ("\"linearValue\":10", "\"linearValue\":\"10.000\""),
        ("\"periodNumber\":1", "\"periodNumber\":\"1\""),
        ("\"year\"", "\"YEAR\""),
        ("20230726155959", "20230726155959000"),
        ("[{\"productId\"", "{\"productId\""),
    ] {
        let mut line = LINE.replace(from, to);
        if from.starts_with('[') {
            line = line.replace("10}]", "10}");
        }
        assert_eq!(ask(200, &answer(&line)).as_ref(), Ok(&plain), "{to}");
    }
}

#[test]
fn a_line_with_two_products_stands_there_twice_and_one_without_once() {
    let two = LINE.replace("[{\"productId\"", "[{\"productId\":\"P0\"},{\"productId\"");
    let order = ask(200, &answer(&two)).unwrap();
    let products: Vec<_> =
        order.lines.iter().map(|line| (line.product_id.as_deref(), line.quantity)).collect();
    assert_eq!(products, [(Some("P0"), None), (Some("P"), Some(10))]);
    let none = ask(200, &answer(r#"{"orderLineId":"CS1-000001","chargingMode":"ONE_TIME"}"#)).unwrap();
    assert_eq!((none.lines.len(), none.lines[0].period, none.lines[0].expires_at), (1, None, None));
}

#[test]
fn what_decides_a_license_is_never_guessed() {
    for (from, to, member) in [
        ("\"linearValue\":10", "\"linearValue\":10.5", "linearValue"),
        ("\"linearValue\":10", "\"linearValue\":-1", "linearValue"),
        ("\"linearValue\":10", "\"linearValue\":4294967296", "linearValue"),
        ("\"linearValue\":10", "\"linearValue\":\"ten\"", "linearValue"),
        ("\"linearValue\":10", "\"linearValue\":\"1.\"", "linearValue"),
        ("\"linearValue\":10", "\"linearValue\":1e1", ""),
        ("\"linearValue\":10", "\"linearValue\":[10]", "linearValue"),
        ("\"year\"", "\"week\"", "periodType"),
        ("\"periodNumber\":1", "\"periodNumber\":0", "periodNumber"),
        ("\"periodNumber\":1", "\"other\":1", "periodNumber"),
        ("20230726155959", "2023-07-26", "expireTime"),
        ("PERIOD", "FOREVER", "chargingMode"),
        ("\"orderLineId\"", "\"lineId\"", "orderLineId"),
    ] {
        let outcome = ask(200, &answer(&LINE.replace(from, to)));
        match member {
            "" => assert_eq!(outcome.unwrap().lines[0].quantity, Some(10), "{to}"),
            _ => assert_eq!(outcome, Err(misunderstood(member)), "{to}"),
        }
    }
    assert_eq!(ask(200, &answer(LINE).replace("NEW", "GIFT")), Err(misunderstood("orderType")));
    assert_eq!(ask(200, &answer(LINE).replace("createTime", "time")), Err(misunderstood("createTime")));
}

#[test]
fn every_printed_word_has_its_meaning() {
    for (word, kind) in [
        ("NEW", OrderKind::New),
        ("TRIAL", OrderKind::Trial),
        ("TRIAL_TO_FORMAL", OrderKind::TrialToFormal),
        ("UNSUBSCRIBE", OrderKind::Unsubscribe),
        ("RENEW", OrderKind::Renew),
        ("CHANGE", OrderKind::Change),
    ] {
        let order = ask(200, &answer(LINE).replace("\"NEW\"", &format!("\"{word}\""))).unwrap();
        assert_eq!(order.kind, kind, "{word}");
    }
    for (word, charging) in [
        ("ON_DEMAND", Charging::OnDemand),
        ("ONE_TIME", Charging::OneTime),
        ("PERIOD", Charging::Period),
        ("ON_DEMAND_PKG", Charging::OnDemandPackage),
    ] {
        let order = ask(200, &answer(&LINE.replace("PERIOD", word))).unwrap();
        assert_eq!(order.lines[0].charging, charging, "{word}");
    }
    for (word, unit) in [("day", PeriodUnit::Day), ("month", PeriodUnit::Month), ("year", PeriodUnit::Year)] {
        let line = LINE.replace("\"year\"", &format!("\"{word}\"")).replace(":1,", ":36,");
        assert_eq!(ask(200, &answer(&line)).unwrap().lines[0].period, Some((unit, 36)), "{word}");
    }
}

#[test]
fn who_buys_is_told_only_where_the_buyer_allows_it() {
    let buyer = |member: &str| ask(200, &answer(LINE).replace("\"buyerInfo\"", member)).unwrap().customer;
    assert_eq!(buyer("\"buyerInfo\"").as_deref(), Some("c1"));
    assert_eq!(buyer("\"x\""), None);
    let said = |value: &str| {
        ask(200, &answer(LINE).replace(r#"{"customerId":"c1","email":"x"}"#, value)).unwrap().customer
    };
    for nobody in ["null", "{}", "[]", r#"{"customerId":""}"#, r#"{"customerId":7,"userId":"u"}"#] {
        assert_eq!(said(nobody), None, "{nobody}");
    }
}

#[test]
fn what_the_buyer_typed_in_does_not_change_what_was_bought_whatever_its_form() {
    let plain = ask(200, &answer(LINE)).unwrap();
    for value in [r#"[{"name":"emailDomainName","value":"acme.example"}]"#, "{}", "null", "\"x\"", "7"] {
        let of_line = LINE.replace("\"extendParams\":[]", &format!("\"extendParams\":{value}"));
        assert_eq!(ask(200, &answer(&of_line)).as_ref(), Ok(&plain), "{value}");
        let of_order = answer(LINE)
            .replace("\"new\":[1],\"orderInfo\":{", &format!("\"orderInfo\":{{\"extendParams\":{value},"));
        assert!(of_order.matches("extendParams").count() == 2);
        assert_eq!(ask(200, &of_order).as_ref(), Ok(&plain), "{value}");
    }
}

#[test]
fn another_order_or_line_is_no_answer() {
    for body in [
        answer(&LINE.replace("CS1-000001", "CS1-000002")),
        answer(LINE).replace("\"CS1\"", "\"CS2\""),
        r#"{"resultCode":"MKT.0000","orderInfo":null}"#.to_owned(),
    ] {
        let not_found = OpenApiError::NotFound("HTTP 200, code MKT.0000".into());
        assert_eq!(ask(200, &body), Err(not_found), "{body}");
    }
}

#[test]
fn codes_tell_whether_to_come_again() {
    let code = |code: &str| format!(r#"{{"resultCode":"{code}","resultMsg":"x"}}"#);
    for (status, body) in [
        (500, code("MKT.0999")),
        (500, code("MKT.0100")),
        (500, code("CBC.0999")),
        (406, code("MKT.0250")),
        (503, String::new()),
        (429, r#"{"error_code":"APIGW.0308","error_msg":"throttled"}"#.into()),
        (200, String::new()),
        (200, answer(LINE)[..200].to_owned()),
        (502, "<html>".into()),
    ] {
        assert!(matches!(ask(status, &body), Err(OpenApiError::Retry(_))), "{status} {body}");
    }
    for (status, body) in [
        (401, code("MKT.0150")),
        (401, code("MKT.0151")),
        (200, code("MKT.0154")),
        (403, code("CBC.0150")),
        (401, r#"{"error_code":"APIGW.0301","error_msg":"Incorrect IAM authentication information"}"#.into()),
        (404, r#"{"error_code":"APIGW.0101","error_msg":"The API does not exist"}"#.into()),
        (302, String::new()),
    ] {
        assert!(matches!(ask(status, &body), Err(OpenApiError::Refused(_))), "{status} {body}");
    }
    for (status, known) in [(400, "MKT.0101"), (400, "MKT.0199"), (400, "CBC.0101"), (500, "MKT.9001")] {
        let unknown = ask(status, &code(known)).expect_err("it is not known");
        assert_eq!(unknown, OpenApiError::NotFound(format!("HTTP {status}, code {known}")));
        let words = format!("the marketplace does not know the order (HTTP {status}, code {known})");
        assert_eq!(unknown.to_string(), words);
    }
    assert!(ask(200, &answer(LINE).replace("MKT.0000", "CBC.0000")).is_ok());
}
