//! Paths as they are sent.

/// Puts a path behind what is in the buffer, with whatever would end it, or its line, written as
/// `%20`.
pub(super) fn write(to: &mut Vec<u8>, path: &str) {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    if !path.starts_with('/') && path != "*" {
        to.push(b'/');
    }
    if path.bytes().all(|byte| byte.is_ascii_graphic()) {
        return to.extend_from_slice(path.as_bytes());
    }
    for byte in path.bytes() {
        if byte.is_ascii_graphic() {
            to.push(byte);
        } else {
            let digit = |value: u8| DIGITS[usize::from(value)];
            to.extend_from_slice(&[b'%', digit(byte >> 4), digit(byte & 15)]);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_path_can_end_its_line() {
        let written = |path| {
            let mut to = Vec::new();
            write(&mut to, path);
            String::from_utf8(to).unwrap()
        };
        assert_eq!(written("/a?b=c%20d"), "/a?b=c%20d");
        assert_eq!(written("a b\r\nX: \u{e9}"), "/a%20b%0d%0aX:%20%c3%a9");
        assert_eq!(written(""), "/");
        assert_eq!(written("*"), "*");
    }
}
