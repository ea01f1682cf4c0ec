package grpcclient

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/falcosecurity/client-go/pkg/api/outputs"
	"github.com/falcosecurity/client-go/pkg/api/schema"
	"github.com/falcosecurity/client-go/pkg/api/version"
	"github.com/falcosecurity/client-go/pkg/client"
)

const rules = `
- rule: every event
  desc: An alert for each audit event.
  condition: ka.verb = create
  output: event %ka.auditid by %ka.user.name
  priority: Warning
  source: k8s_audit
  tags: [one, two]
`

func TestUnixSocket(t *testing.T) {
	socket := "unix://" + filepath.Join(t.TempDir(), "falco", "falco.sock")
	s := start(t, "-o", "grpc.bind_address="+socket)
	testClient(t, s, &client.Config{UnixSocketPath: socket})
}

func TestMutualTLS(t *testing.T) {
	dir := t.TempDir()
	makeCertificates(t, dir)
	address := freePort(t)
	s := start(t, "-o", "grpc.bind_address="+address, "-o", "grpc.private_key="+dir+"/server.key",
		"-o", "grpc.cert_chain="+dir+"/server.crt", "-o", "grpc.root_certs="+dir+"/ca.crt")
	_, port, _ := net.SplitHostPort(address)
	number, err := strconv.ParseUint(port, 10, 16)
	if err != nil {
		t.Fatal(err)
	}
	testClient(t, s, &client.Config{
		Hostname: "localhost", Port: uint16(number),
		CertFile: dir + "/client.crt", KeyFile: dir + "/client.key", CARootFile: dir + "/ca.crt",
	})
}

// testClient makes every call that the library has.
func testClient(t *testing.T, s *saker, config *client.Config) {
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	c, err := client.NewForConfig(ctx, config)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()

	versions, err := c.Version()
	if err != nil {
		t.Fatal(err)
	}
	v, err := versions.Version(ctx, &version.Request{})
	if err != nil || v.Version != "1.2.3-rc.4" || v.Major != 1 || v.Minor != 2 || v.Patch != 3 || v.Prerelease != "rc.4" || v.EngineVersion == 0 {
		t.Errorf("version: %v, %v", v, err)
	}

	// What waited before anybody asked.
	s.post(t, "first", "second")
	calls, err := c.Outputs()
	if err != nil {
		t.Fatal(err)
	}
	stream, err := calls.Get(ctx, &outputs.Request{})
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for {
		m, err := stream.Recv()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		check(t, m)
		got = append(got, m.OutputFields["ka.auditid"])
	}
	if strings.Join(got, " ") != "first second" {
		t.Errorf("get gives %q", got)
	}

	// What comes while somebody waits.
	enough := errors.New("enough")
	done := make(chan error, 1)
	go func() {
		done <- c.OutputsWatch(ctx, func(m *outputs.Response) error {
			check(t, m)
			if m.OutputFields["ka.auditid"] == "fourth" {
				return enough
			}
			return nil
		}, 50*time.Millisecond)
	}()
	s.post(t, "third")
	s.post(t, "fourth")
	if err := <-done; !errors.Is(err, enough) {
		t.Errorf("watch: %v", err)
	}
}

// check compares an alert with what the rule and the event say.
func check(t *testing.T, m *outputs.Response) {
	t.Helper()
	id := m.OutputFields["ka.auditid"]
	old := m.SourceDeprecated //nolint:staticcheck // old clients know no other
	if m.Rule != "every event" || m.Priority != schema.Priority_WARNING || m.Source != "k8s_audit" ||
		old != schema.Source_K8S_AUDIT || m.Hostname != "host" || strings.Join(m.Tags, " ") != "one two" ||
		!strings.HasSuffix(m.Output, "Warning event "+id+" by user") || m.OutputFields["ka.user.name"] != "user" ||
		m.Time.AsTime().Format(time.RFC3339Nano) != "2026-01-02T03:04:05.678901Z" {
		t.Errorf("alert: %v", m)
	}
}

// saker is the running program.
type saker struct{ audit string }

func start(t *testing.T, args ...string) *saker {
	t.Helper()
	dir := t.TempDir()
	program := filepath.Join(dir, "saker")
	build := exec.Command("go", "build", "-trimpath", "-ldflags", "-X github.com/saker-security/saker/pkg/daemon.Version=1.2.3-rc.4", "-o", program, "./cmd/saker")
	build.Dir, build.Env = "../..", append(os.Environ(), "CGO_ENABLED=0", "GOWORK=off")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	if err := os.WriteFile(filepath.Join(dir, "rules.yaml"), []byte(rules), 0o600); err != nil {
		t.Fatal(err)
	}
	s := &saker{audit: freePort(t)}
	_, web, _ := net.SplitHostPort(freePort(t))
	args = append([]string{"run", "--source", "k8s_audit", "-r", filepath.Join(dir, "rules.yaml"), "--audit-listen", s.audit,
		"--data-dir", filepath.Join(dir, "data"), "-o", "stdout_output.enabled=false", "-o", "syslog_output.enabled=false",
		"-o", "webserver.listen_port=" + web, "-o", "grpc.enabled=true", "-o", "grpc_output.enabled=true"}, args...)
	var log bytes.Buffer
	c := exec.Command(program, args...)
	c.Env, c.Stdout, c.Stderr = append(os.Environ(), "FALCO_HOSTNAME=host"), &log, &log
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- c.Wait() }()
	t.Cleanup(func() {
		_ = c.Process.Signal(syscall.SIGTERM)
		select {
		case <-ended:
		case <-time.After(20 * time.Second):
			_ = c.Process.Kill()
			<-ended
			t.Error("the program does not end")
		}
		if t.Failed() {
			t.Log(log.String())
		}
	})
	for deadline := time.Now().Add(20 * time.Second); ; {
		if conn, err := net.Dial("tcp", s.audit); err == nil {
			conn.Close()
			return s
		}
		select {
		case err := <-ended:
			ended <- err
			t.Fatalf("the program ended: %v\n%s", err, log.String())
		case <-time.After(20 * time.Millisecond):
		}
		if time.Now().After(deadline) {
			t.Fatal("the program does not start")
		}
	}
}

// post sends audit events with these IDs.
func (s *saker) post(t *testing.T, ids ...string) {
	t.Helper()
	var items []string
	for _, id := range ids {
		items = append(items, fmt.Sprintf(`{"kind":"Event","apiVersion":"audit.k8s.io/v1","level":"Metadata","auditID":%q,"stage":"ResponseComplete",
			"requestURI":"/x","verb":"create","user":{"username":"user"},"requestReceivedTimestamp":"2026-01-02T03:04:05.600000Z","stageTimestamp":"2026-01-02T03:04:05.678901Z"}`, id))
	}
	body := `{"kind":"EventList","apiVersion":"audit.k8s.io/v1","items":[` + strings.Join(items, ",") + `]}`
	answer, err := http.Post("http://"+s.audit+"/k8s-audit", "application/json", strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		text, _ := io.ReadAll(answer.Body)
		t.Fatalf("%s: %s", answer.Status, text)
	}
}

func freePort(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// makeCertificates makes an authority, and with it a server and a client.
func makeCertificates(t *testing.T, dir string) {
	t.Helper()
	var ca *x509.Certificate
	var caKey *ecdsa.PrivateKey
	for _, name := range []string{"ca", "server", "client"} {
		key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		c := &x509.Certificate{
			SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name}, DNSNames: []string{"localhost"},
			NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), BasicConstraintsValid: true, IsCA: ca == nil,
		}
		if ca == nil {
			ca, caKey = c, key
		}
		der, err := x509.CreateCertificate(rand.Reader, c, ca, &key.PublicKey, caKey)
		if err != nil {
			t.Fatal(err)
		}
		private, err := x509.MarshalPKCS8PrivateKey(key)
		if err != nil {
			t.Fatal(err)
		}
		for suffix, block := range map[string]*pem.Block{".crt": {Type: "CERTIFICATE", Bytes: der}, ".key": {Type: "PRIVATE KEY", Bytes: private}} {
			if err := os.WriteFile(filepath.Join(dir, name+suffix), pem.EncodeToMemory(block), 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
}
