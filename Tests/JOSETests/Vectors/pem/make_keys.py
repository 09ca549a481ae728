#!/usr/bin/env python3
"""Makes keys.json anew: python3 make_keys.py keys.json. Needs openssl 3, ssh-keygen and pyca/cryptography 48."""
import subprocess, json, base64, os, tempfile, sys
from cryptography.hazmat.primitives import serialization as s
from cryptography.hazmat.primitives.asymmetric import rsa, ec, ed25519, x25519, mldsa
os.chdir(tempfile.mkdtemp())
def sh(c):
    r=subprocess.run(c,shell=True,capture_output=True)
    assert r.returncode==0,(c,r.stderr)
    return r.stdout.decode()
b=lambda x: base64.urlsafe_b64encode(x).rstrip(b'=').decode()
def i(n,l=None): return b(n.to_bytes(l or (n.bit_length()+7)//8,'big'))
def jwk(pem):
    pem=pem.encode()
    try: k=s.load_pem_private_key(pem,None)
    except Exception: k=s.load_pem_public_key(pem)
    if isinstance(k,rsa.RSAPrivateKey):
        p=k.private_numbers(); n=p.public_numbers
        return dict(kty="RSA",n=i(n.n),e=i(n.e),d=i(p.d),p=i(p.p),q=i(p.q),dp=i(p.dmp1),dq=i(p.dmq1),qi=i(p.iqmp))
    if isinstance(k,rsa.RSAPublicKey):
        n=k.public_numbers(); return dict(kty="RSA",n=i(n.n),e=i(n.e))
    names={"secp256r1":("P-256",32),"secp384r1":("P-384",48),"secp521r1":("P-521",66)}
    if isinstance(k,ec.EllipticCurvePrivateKey):
        p=k.private_numbers(); n=p.public_numbers; c,l=names[k.curve.name]
        return dict(kty="EC",crv=c,x=i(n.x,l),y=i(n.y,l),d=i(p.private_value,l))
    if isinstance(k,ec.EllipticCurvePublicKey):
        n=k.public_numbers(); c,l=names[k.curve.name]
        return dict(kty="EC",crv=c,x=i(n.x,l),y=i(n.y,l))
    for P,U,c in ((ed25519.Ed25519PrivateKey,ed25519.Ed25519PublicKey,"Ed25519"),(x25519.X25519PrivateKey,x25519.X25519PublicKey,"X25519")):
        if isinstance(k,P): return dict(kty="OKP",crv=c,x=b(k.public_key().public_bytes_raw()),d=b(k.private_bytes_raw()))
        if isinstance(k,U): return dict(kty="OKP",crv=c,x=b(k.public_bytes_raw()))
    for P,U,c in ((mldsa.MLDSA65PrivateKey,mldsa.MLDSA65PublicKey,"ML-DSA-65"),(mldsa.MLDSA87PrivateKey,mldsa.MLDSA87PublicKey,"ML-DSA-87")):
        if isinstance(k,P): return dict(kty="AKP",alg=c,pub=b(k.public_key().public_bytes_raw()),priv=b(k.private_bytes_raw()))
        if isinstance(k,U): return dict(kty="AKP",alg=c,pub=b(k.public_bytes_raw()))
    raise Exception(type(k))
V=[]
def ok(name,made,pem,**extra):
    V.append(dict(name=name,made=made,pem=pem,jwk={**jwk(pem),**extra}))
def no(name,made,pem,code,says): V.append(dict(name=name,made=made,pem=pem,refused=code,says=says))
def run(name,cmd,f=None,**x):
    """runs openssl, keeps FILE"""
    sh(cmd); ok(name,cmd,open(f or cmd.split('-out ')[1].split()[0]).read(),**x)
for bits in (2048,3072):
    k=f"rsa{bits}.pem"
    run(f"rsa-{bits} PKCS#8",f"openssl genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:{bits} -out {k}")
    if bits==2048:
        run("rsa-2048 SPKI",f"openssl pkey -in {k} -pubout -out rsa.pub")
        run("rsa-2048 PKCS#1",f"openssl rsa -in {k} -traditional -out rsa.p1")
        run("rsa-2048 PKCS#1 public",f"openssl rsa -in {k} -RSAPublicKey_out -out rsa.p1pub")
for h,a,l in (("sha256","PS256",32),("sha384","PS384",48),("sha512","PS512",64)):
    o=f"-pkeyopt rsa_pss_keygen_md:{h} -pkeyopt rsa_pss_keygen_mgf1_md:{h} -pkeyopt rsa_pss_keygen_saltlen:{l}"
    run(f"rsa-pss {a} PKCS#8",f"openssl genpkey -algorithm RSA-PSS -pkeyopt rsa_keygen_bits:2048 {o} -out pss{l}.pem",alg=a)
    run(f"rsa-pss {a} SPKI",f"openssl pkey -in pss{l}.pem -pubout -out pss{l}.pub",alg=a)
for c,n in (("P-256","p256"),("P-384","p384"),("P-521","p521")):
    run(f"{c} PKCS#8",f"openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:{c} -out {n}.pem")
    run(f"{c} SPKI",f"openssl pkey -in {n}.pem -pubout -out {n}.pub")
    run(f"{c} SEC1",f"openssl ec -in {n}.pem -out {n}.sec1")
    run(f"{c} SEC1 without its public half",f"openssl ec -in {n}.pem -no_public -out {n}.np")
run("P-256 PKCS#8 without its public half","openssl pkcs8 -topk8 -nocrypt -in p256.np -out p256.np8")
for a in ("Ed25519","X25519"):
    run(f"{a} PKCS#8",f"openssl genpkey -algorithm {a} -out {a}.pem")
    run(f"{a} SPKI",f"openssl pkey -in {a}.pem -pubout -out {a}.pub")
for a,P in (("ML-DSA-65",mldsa.MLDSA65PrivateKey),("ML-DSA-87",mldsa.MLDSA87PrivateKey)):
    k=P.generate()
    ok(f"{a} PKCS#8","pyca/cryptography 48 (OpenSSL 4.0.0)",k.private_bytes(s.Encoding.PEM,s.PrivateFormat.PKCS8,s.NoEncryption()).decode())
    ok(f"{a} SPKI","pyca/cryptography 48 (OpenSSL 4.0.0)",k.public_key().public_bytes(s.Encoding.PEM,s.PublicFormat.SubjectPublicKeyInfo).decode())
def P(l,t): return f"-----BEGIN {l}-----\n"+"\n".join(t.split())+f"\n-----END {l}-----\n"
ok("RFC 8410 10.1","RFC 8410 §10.1",P("PUBLIC KEY","MCowBQYDK2VwAyEAGb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE="))
ok("RFC 8410 10.3","RFC 8410 §10.3",P("PRIVATE KEY","MC4CAQAwBQYDK2VwBCIEINTuctv5E1hK1bbY8fdp+K06/nwoy/HU++CXqI9EdVhC"))
x="MHICAQEwBQYDK2VwBCIEINTuctv5E1hK1bbY8fdp+K06/nwoy/HU++CXqI9EdVhC oB8wHQYKKoZIhvcNAQkJFDEPDA1DdXJkbGUgQ2hhaXJzgSEAGb9ECWmEzf6FQbrB Z9w7lshQhqowtrbLDFw4rXAxZuE="
V.append(dict(name="RFC 8410 10.3 with attributes and public key",made="RFC 8410 §10.3",pem=P("PRIVATE KEY",x),jwk=V[-1]["jwk"]))
ok("RFC 9881 ML-DSA-65 seed","RFC 9881 §C.1.2.1",P("PRIVATE KEY","MDQCAQAwCwYJYIZIAWUDBAMSBCKAIAABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZ GhscHR4f"))
ok("RFC 9881 ML-DSA-87 seed","RFC 9881 §C.1.3.1",P("PRIVATE KEY","MDQCAQAwCwYJYIZIAWUDBAMTBCKAIAABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZ GhscHR4f"))
assert V[-2]["jwk"]["pub"].startswith("SGg9kZeOMes93biwRzSC0riKX2JZSf2PWKVh5pa9TCfQWzjbsu3wHmZO_YG")
def bad(name,cmd,code,says,f=None):
    sh(cmd); no(name,cmd,open(f or cmd.split('-out ')[1].split()[0]).read(),code,says)
U="key-unsupported"
bad("encrypted PKCS#8","openssl pkcs8 -topk8 -v2 aes-256-cbc -passout pass:x -in p256.pem -out enc.pem",U,"openssl pkey")
bad("encrypted PKCS#1","openssl rsa -aes256 -passout pass:x -traditional -in rsa2048.pem -out enc1.pem",U,"openssl pkey")
bad("encrypted SEC1","openssl ec -aes256 -passout pass:x -in p256.pem -out enc2.pem",U,"openssl pkey")
bad("certificate","openssl req -x509 -key p256.pem -subj /CN=x -days 3650 -out cert.pem",U,"openssl x509")
bad("certificate request","openssl req -new -key p256.pem -subj /CN=x -out req.pem",U,"openssl req")
bad("EC parameters before the key","openssl ecparam -name prime256v1 -genkey -out two.pem","malformed","openssl pkey")
bad("explicit curve parameters, PKCS#8","openssl ecparam -name prime256v1 -genkey -noout -param_enc explicit | openssl pkcs8 -topk8 -nocrypt -out exp.pem",U,"named curve")
bad("explicit curve parameters, SPKI","openssl ec -in exp.pem -pubout -param_enc explicit -out exp.pub",U,"named curve")
bad("explicit curve parameters, SEC1","openssl ec -in exp.pem -param_enc explicit -out exp.sec1",U,"named curve")
bad("compressed point, SPKI","openssl ec -in p256.pem -pubout -conv_form compressed -out comp.pub",U,"uncompressed")
bad("secp256k1","openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:secp256k1 -out k1.pem",U,"secp256k1")
bad("secp256k1 SPKI","openssl pkey -in k1.pem -pubout -out k1.pub",U,"secp256k1")
for a in ("Ed448","X448"):
    bad(a,f"openssl genpkey -algorithm {a} -out {a}.pem",U,a)
    bad(a+" SPKI",f"openssl pkey -in {a}.pem -pubout -out {a}.pub",U,a)
bad("DSA parameters","openssl dsaparam -out dsaparam.pem 1024",U,"DSA PARAMETERS")
bad("DSA","openssl dsaparam -noout -genkey -out dsa.pem 1024",U,"DSA")
bad("rsa-1024","openssl genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:1024 -out weak.pem","key-invalid","2048")
bad("rsa-1024 SPKI","openssl pkey -in weak.pem -pubout -out weak.pub","key-invalid","2048")
bad("rsa-2048 with exponent 3","openssl genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:2048 -pkeyopt rsa_keygen_pubexp:3 -out e3.pem","key-invalid","65537")
bad("rsa of three primes","openssl genrsa -primes 3 -traditional -out multi.pem 3072",U,"two primes")
bad("rsa-pss without parameters","openssl genpkey -algorithm RSA-PSS -pkeyopt rsa_keygen_bits:2048 -out pss0.pem",U,"PS256")
bad("rsa-pss with SHA-1","openssl genpkey -algorithm RSA-PSS -pkeyopt rsa_keygen_bits:2048 -pkeyopt rsa_pss_keygen_md:sha1 -pkeyopt rsa_pss_keygen_mgf1_md:sha1 -pkeyopt rsa_pss_keygen_saltlen:20 -out pss1.pem",U,"PS256")
bad("rsa-pss with a mask of another hash","openssl genpkey -algorithm RSA-PSS -pkeyopt rsa_keygen_bits:2048 -pkeyopt rsa_pss_keygen_md:sha256 -pkeyopt rsa_pss_keygen_mgf1_md:sha512 -pkeyopt rsa_pss_keygen_saltlen:32 -out pss2.pem",U,"PS256")
bad("rsa-pss with a short salt","openssl genpkey -algorithm RSA-PSS -pkeyopt rsa_keygen_bits:2048 -pkeyopt rsa_pss_keygen_md:sha256 -pkeyopt rsa_pss_keygen_mgf1_md:sha256 -pkeyopt rsa_pss_keygen_saltlen:20 -out pss3.pem",U,"PS256")
bad("rsa-pss with a long salt","openssl genpkey -algorithm RSA-PSS -pkeyopt rsa_keygen_bits:2048 -pkeyopt rsa_pss_keygen_md:sha256 -pkeyopt rsa_pss_keygen_mgf1_md:sha256 -pkeyopt rsa_pss_keygen_saltlen:64 -out pss4.pem",U,"PS256")
k=mldsa.MLDSA44PrivateKey.generate()
no("ML-DSA-44","pyca/cryptography 48 (OpenSSL 4.0.0)",k.private_bytes(s.Encoding.PEM,s.PrivateFormat.PKCS8,s.NoEncryption()).decode(),U,"ML-DSA-44")
sh("ssh-keygen -q -t ed25519 -N '' -C x -f ssh && true") if subprocess.run("which ssh-keygen",shell=True).returncode==0 else None
if os.path.exists("ssh"): no("OpenSSH","ssh-keygen -q -t ed25519 -N '' -f ssh",open("ssh").read(),U,"ssh-keygen")
out=dict(source="Keys made for these tests by OpenSSL 3.0.19 and pyca/cryptography 48; `made` is the command. The members of `jwk` were read from the PEM by pyca/cryptography, not by this module. `refused` is the code of the refusal, `says` a part of its reason. The keys protect nothing.",vectors=V)
json.dump(out,open(sys.argv[1],"w"),indent=1,ensure_ascii=False); open(sys.argv[1],"a").write("\n")
print(len(V))
