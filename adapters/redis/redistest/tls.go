package redistest

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"math/big"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// StartTLS starts a server that speaks TLS only, asks clients for a certificate, and
// wants a password. [Server.Options] has what is needed to get in. What is said of
// Start holds for it; a redis-server that was built without TLS is as none.
func StartTLS(t testing.TB, args ...string) *Server {
	t.Helper()
	s := newServer(t)
	needTLS(t)
	s.password = "secret"
	s.URL = "rediss://:" + s.password + "@" + s.Addr
	cert, key := s.makeCertificate()
	_, port, _ := net.SplitHostPort(s.Addr)
	s.args = append([]string{
		"--port", "0", "--tls-port", port, "--bind", "127.0.0.1", "--dir", s.dir, "--save", "", "--appendonly", "no",
		"--tls-cert-file", cert, "--tls-key-file", key, "--tls-ca-cert-file", cert, "--tls-auth-clients", "yes", "--requirepass", s.password,
	}, args...)
	s.Restart()
	return s
}

// needTLS skips the test where redis-server has no TLS, or fails it in CI. A server
// that is told to use TLS and of no certificate ends either way; without TLS it does
// not know the option.
func needTLS(t testing.TB) {
	t.Helper()
	out, _ := exec.Command("redis-server", "--port", "0", "--tls-port", freePort(t), "--save", "").CombinedOutput()
	if !strings.Contains(string(out), "Bad directive") {
		return
	}
	const hint = "redis-server is built without TLS (make BUILD_TLS=yes)"
	if os.Getenv("CI") != "" {
		t.Fatal(hint)
	}
	t.Skip("SKIPPED: " + hint)
}

// makeCertificate makes a certificate for both sides, which signs itself, and the
// configuration of clients. It returns the files.
func (s *Server) makeCertificate() (certFile, keyFile string) {
	s.t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		s.t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour),
		KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign, IsCA: true, BasicConstraintsValid: true,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		s.t.Fatal(err)
	}
	pkcs8, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		s.t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		s.t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AddCert(cert)
	s.tls = &tls.Config{
		RootCAs: roots, ServerName: "127.0.0.1", MinVersion: tls.VersionTLS12,
		Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}},
	}
	return s.writePEM("CERTIFICATE", der), s.writePEM("PRIVATE KEY", pkcs8)
}

func (s *Server) writePEM(kind string, der []byte) string {
	s.t.Helper()
	name := filepath.Join(s.dir, strings.ReplaceAll(kind, " ", "-")+".pem")
	if err := os.WriteFile(name, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600); err != nil {
		s.t.Fatal(err)
	}
	return name
}
