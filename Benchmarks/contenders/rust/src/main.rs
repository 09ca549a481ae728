//! jsonwebtoken as its manual shows it: contender FOLDER.
//!
//! Reads commands from its standard input and answers each with one line of JSON, like every contender
//! (../../../README.md).
use jsonwebtoken::{decode, encode, Algorithm, DecodingKey, EncodingKey, Header, Validation};
use serde::{Deserialize, Serialize};
use serde_json::{json, Value};
use std::io::BufRead;
use std::str::FromStr;
use std::time::{Duration, Instant};

const ISSUER: &str = "https://id.example.org";
const AUDIENCE: &str = "https://orders.example";

type Failure = Box<dyn std::error::Error>;

#[derive(Serialize, Deserialize)]
struct Claims {
    iss: String,
    sub: String,
    aud: String,
    exp: u64,
    iat: u64,
    jti: String,
    client_id: String,
    scope: String,
    auth_time: u64,
    acr: String,
}

struct Prepared {
    private: EncodingKey,
    public: DecodingKey,
    validation: Validation,
    header: Header,
    claims: Claims,
}

fn read(folder: &str, algorithm: &str, name: &str) -> Result<Vec<u8>, Failure> {
    Ok(std::fs::read(format!("{folder}/{algorithm}.{name}"))?)
}

impl Prepared {
    /// None where the library does not know the algorithm.
    fn new(folder: &str, name: &str) -> Result<Option<Self>, Failure> {
        let algorithm = match Algorithm::from_str(name) {
            Ok(algorithm) => algorithm,
            Err(_) => return Ok(None),
        };
        let (private, public) = if name.starts_with("HS") {
            let secret = read(folder, name, "secret")?;
            (EncodingKey::from_secret(&secret), DecodingKey::from_secret(&secret))
        } else {
            let (private, public) = (read(folder, name, "private.pem")?, read(folder, name, "public.pem")?);
            match &name[..2] {
                "RS" | "PS" => (EncodingKey::from_rsa_pem(&private)?, DecodingKey::from_rsa_pem(&public)?),
                "ES" => (EncodingKey::from_ec_pem(&private)?, DecodingKey::from_ec_pem(&public)?),
                _ => (EncodingKey::from_ed_pem(&private)?, DecodingKey::from_ed_pem(&public)?),
            }
        };
        let mut validation = Validation::new(algorithm);
        validation.leeway = 0;
        validation.set_issuer(&[ISSUER]);
        validation.set_audience(&[AUDIENCE]);
        validation.set_required_spec_claims(&["exp", "iss", "aud"]);
        let mut header = Header::new(algorithm);
        header.typ = Some("at+jwt".into());
        header.kid = Some(format!("bench-{name}"));
        let claims = serde_json::from_slice(&read(folder, name, "claims")?)?;
        Ok(Some(Prepared { private, public, validation, header, claims }))
    }

    fn verify(&self, token: &str) -> Result<usize, Failure> {
        Ok(decode::<Claims>(token, &self.public, &self.validation)?.claims.sub.len())
    }

    fn sign(&self) -> Result<String, Failure> {
        Ok(encode(&self.header, &self.claims, &self.private)?)
    }
}

fn repeated(operation: &dyn Fn() -> Result<usize, Failure>, count: u64) -> Result<Duration, Failure> {
    let mut done = 0;
    let start = Instant::now();
    for _ in 0..count {
        done += operation()? as u64;
    }
    let duration = start.elapsed();
    if done < count {
        return Err("nothing was done".into());
    }
    Ok(duration)
}

fn measure(operation: &dyn Fn() -> Result<usize, Failure>, seconds: f64) -> Result<Value, Failure> {
    let (mut count, mut duration) = (1, Duration::ZERO);
    while duration < Duration::from_millis(20) {
        count *= 2;
        duration = repeated(operation, count)?;
    }
    let count = (count as f64 * seconds / duration.as_secs_f64()) as u64 + 1;
    let duration = repeated(operation, count)?;
    Ok(json!({"nanoseconds": duration.as_nanos() as f64 / count as f64, "iterations": count}))
}

fn answer(folder: &str, words: &[&str]) -> Result<Value, Failure> {
    let is_check = words[0] == "check";
    let algorithm = if is_check { words[1] } else { words[2] };
    let prepared = match Prepared::new(folder, algorithm)? {
        Some(prepared) => prepared,
        None => return Ok(json!({"unsupported": true})),
    };
    if is_check {
        let mut result = json!({"signed": prepared.sign()?});
        for name in ["good", "flipped", "audience", "expired"] {
            let token = String::from_utf8(read(folder, algorithm, name)?)?;
            result[name] = json!(prepared.verify(&token).is_ok());
        }
        return Ok(result);
    }
    let token = String::from_utf8(read(folder, algorithm, "good")?)?;
    match words[1] {
        "verify" => measure(&|| prepared.verify(&token), words[3].parse()?),
        "sign" => measure(&|| Ok(prepared.sign()?.len()), words[3].parse()?),
        _ => Ok(json!({"unsupported": true})),
    }
}

fn main() {
    let folder = std::env::args().nth(1).expect("usage: contender FOLDER");
    for line in std::io::stdin().lock().lines() {
        let line = line.expect("a line of text");
        let words: Vec<&str> = line.split(' ').collect();
        let result = answer(&folder, &words).unwrap_or_else(|error| json!({"error": error.to_string()}));
        println!("{result}");
    }
}
