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
    let unknown = ask(400, &code("MKT.0101")).expect_err("it is not known");
    assert_eq!(unknown, OpenApiError::NotFound("HTTP 400, code MKT.0101".into()));
    assert_eq!(unknown.to_string(), "the marketplace does not know the order (HTTP 400, code MKT.0101)");
}
