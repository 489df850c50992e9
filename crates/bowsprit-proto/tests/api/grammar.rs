//! Lists, cookies and percent-encoding.

use bowsprit_proto::grammar::{cookies, elements, percent_decode, set_cookie, split_unquoted};

#[test]
fn empty_elements_of_a_list_count_for_nothing() {
    for (list, expected) in [
        ("a,b", &["a", "b"][..]),
        (" a\t,,\t, b ,", &["a", "b"]),
        ("a b", &["a b"]),
        ("\"a,b\"", &["\"a", "b\""]),
        (" , ", &[]),
        ("", &[]),
    ] {
        assert_eq!(elements(list).collect::<Vec<_>>(), expected, "{list:?}");
    }
}

#[test]
fn separators_in_quoted_strings_separate_nothing() {
    for (text, expected) in [
        ("a;b", &["a", "b"][..]),
        (r#"a="1;2"; b"#, &[r#"a="1;2""#, "b"]),
        (r#"a="1\";2";b"#, &[r#"a="1\";2""#, "b"]),
        (r#"a="1\\";b"#, &[r#"a="1\\""#, "b"]),
        (r"a\;b", &[r"a\", "b"]),
        (r#"a="1;b"#, &[r#"a="1;b"#]),
        (" ;; ", &[]),
    ] {
        assert_eq!(split_unquoted(text, ';').collect::<Vec<_>>(), expected, "{text:?}");
    }
}

#[test]
fn cookies_are_names_and_values() {
    let pairs: Vec<_> = cookies("a=1;b = x=y ; flag; =z;c=").collect();
    assert_eq!(pairs, [("a", "1"), ("b", "x=y"), ("", "z"), ("c", "")]);
}

#[test]
fn a_cookie_that_is_set_is_what_comes_before_its_attributes() {
    assert_eq!(set_cookie(" id = 1=2 ; Path=/; Secure"), Some(("id", "1=2")));
    assert_eq!(set_cookie("flag; Path=/"), None);
    assert_eq!(set_cookie(""), None);
}

#[test]
fn escapes_are_decoded_and_other_bytes_taken_if_they_are_literals() {
    let any = |text| percent_decode(text, |_| true);
    assert_eq!(any("a%2Fb%2fc").as_deref(), Some("a/b/c"));
    assert_eq!(any("%25%32%35").as_deref(), Some("%25"));
    assert_eq!(any("r%C3%A4um, räum").as_deref(), Some("räum, räum"));
    // What is no escape stands for itself.
    assert_eq!(any("%,%4,%zz,%%41,%+1,%").as_deref(), Some("%,%4,%zz,%A,%+1,%"));
    assert_eq!(any("%FF"), None);
    let strict = |text| percent_decode(text, |byte| byte.is_ascii_alphanumeric());
    assert_eq!(strict("a%2Fb").as_deref(), Some("a/b"));
    for text in ["a/b", "%", "%4", "%zz", "%+1", "%-1", "ä", "%E4"] {
        assert_eq!(strict(text), None, "{text:?}");
    }
}
