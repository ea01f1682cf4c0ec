package daemon

import (
	"encoding/json"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/saker-security/saker/pkg/config"
)

func TestLocalOnly(t *testing.T) {
	h := localOnly(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {}))
	for name, test := range map[string]struct {
		from, host string
		headers    map[string]string
		want       int
	}{
		"IPv4":                 {"127.0.0.1:1", "127.0.0.1:8765", nil, 200},
		"IPv6":                 {"[::1]:1", "[::1]:8765", nil, 200},
		"IPv6 without port":    {"[::1]:1", "[::1]", nil, 200},
		"by name":              {"127.0.0.1:1", "localhost:8765", nil, 200},
		"IPv4 in IPv6":         {"[::ffff:127.0.0.1]:1", "LOCALHOST", nil, 200},
		"another machine":      {"10.0.0.1:1", "127.0.0.1:8765", nil, 403},
		"a forged header":      {"10.0.0.1:1", "localhost", map[string]string{"X-Forwarded-For": "127.0.0.1"}, 403},
		"another forged one":   {"10.0.0.1:1", "localhost", map[string]string{"X-Real-IP": "127.0.0.1", "Forwarded": "for=127.0.0.1"}, 403},
		"a proxy beside us":    {"127.0.0.1:1", "localhost", map[string]string{"X-Forwarded-For": "10.0.0.1"}, 403},
		"another proxy":        {"127.0.0.1:1", "localhost", map[string]string{"Via": "1.1 x"}, 403},
		"a misled browser":     {"127.0.0.1:1", "evil.example:8765", nil, 403},
		"our other address":    {"127.0.0.1:1", "10.0.0.2:8765", nil, 403},
		"no address":           {"", "localhost", nil, 403},
		"a name that is none":  {"localhost.evil.example:1", "localhost", nil, 403},
		"a host that is empty": {"127.0.0.1:1", "", nil, 403},
	} {
		r := httptest.NewRequest(http.MethodGet, "/config", nil)
		r.RemoteAddr, r.Host = test.from, test.host
		for k, v := range test.headers {
			r.Header.Set(k, v)
		}
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		if w.Code != test.want {
			t.Errorf("%s: %d, want %d", name, w.Code, test.want)
		}
	}
}

func TestEndpoints(t *testing.T) {
	cfg := testConfig()
	cfg.Web.Healthz = "/{health" // no pattern, a path
	d, _, stderr, stop := start(t, cfg, "k8s_audit")
	post(t, d, example(t)) // so that everything runs
	stderr.waitFor(t, "serving")
	url := "http://" + d.WebAddress()
	for path, want := range map[string]struct {
		code int
		text string
	}{
		"/%7Bhealth":           {200, `{"status": "ok"}`},
		"/livez":               {200, `{"status":"ok"}` + "\n"},
		"/versions":            {200, ""},
		"/metrics":             {200, ""},
		"/config":              {200, ""},
		"/debug/pprof/":        {200, ""},
		"/debug/pprof/heap":    {200, ""},
		"/debug/pprof/cmdline": {200, ""},
		"/healthz":             {404, ""},
		"/":                    {404, ""},
		"/../etc/passwd":       {404, ""},
	} {
		code, body := get(t, url+path)
		if code != want.code || want.text != "" && body != want.text {
			t.Errorf("%s: %d %.200q", path, code, body)
		}
	}
	_, body := get(t, url+"/readyz")
	var ready readiness
	if err := json.Unmarshal([]byte(body), &ready); err != nil || !ready.Ready {
		t.Fatalf("%v: %s", err, body)
	}
	if ready.Sources["k8s_audit"] != "up" || ready.Rules["k8s_audit"] == 0 || ready.Storage != "memory" || ready.Phase != "running" || len(ready.Reasons) != 0 {
		t.Errorf("ready: %s", body)
	}
	for _, path := range []string{"/config", "/debug/pprof/", "/debug/pprof/profile"} {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("X-Forwarded-For", "127.0.0.1")
		a, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		a.Body.Close()
		if a.StatusCode != http.StatusForbidden || a.Header.Get("Cache-Control") != "no-store" {
			t.Errorf("%s by way of a proxy: %d %v", path, a.StatusCode, a.Header)
		}
	}
	if err := stop(); err != nil {
		t.Error(err)
	}
	if ready := d.readiness(d.ops.started); ready.Ready || ready.Phase != phaseEnding {
		t.Errorf("at the end: %+v", ready)
	}
}

// What is in force is shown, but no secret, and metrics can be off.
func TestConfigEndpoint(t *testing.T) {
	cfg, _, err := config.Load(config.Input{Options: []string{
		"http_output.url=https://user:canary@sink.example/canary?token=canary", "webserver.prometheus_metrics_enabled=false",
		"audit.listen=127.0.0.1:0", "webserver.listen_port=0", "log_level=debug",
	}})
	if err != nil {
		t.Fatal(err)
	}
	d, _, stderr, _ := start(t, cfg, "k8s_audit")
	code, body := get(t, "http://"+d.WebAddress()+"/config")
	var list []setting
	if err := json.Unmarshal([]byte(body), &list); err != nil || code != http.StatusOK {
		t.Fatalf("%d %v: %s", code, err, body)
	}
	if strings.Contains(body, "canary") || strings.Contains(stderr.String(), "canary") {
		t.Errorf("a secret is shown: %s\n%s", body, stderr)
	}
	found := false
	for _, s := range list {
		found = found || s.Key == "log_level" && s.Value == "debug" && s.Origin != ""
	}
	if !found {
		t.Errorf("log_level is not shown: %s", body)
	}
	code, body = get(t, "http://"+d.WebAddress()+"/metrics")
	if code != http.StatusNotFound || !strings.Contains(body, "webserver.prometheus_metrics_enabled") {
		t.Errorf("metrics that are off: %d %s", code, body)
	}
}

// A client that announces a body and does not send it is answered at once, and its connection does not stay.
func TestWebTakesNoBody(t *testing.T) {
	d, _, _, _ := start(t, testConfig(), "k8s_audit")
	for _, head := range []string{"Content-Length: 10", "Transfer-Encoding: chunked", "Content-Length: 99999999999"} {
		c, err := net.Dial("tcp", d.WebAddress())
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		if err := c.SetDeadline(time.Now().Add(patience)); err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(c, "GET /healthz HTTP/1.1\r\nHost: localhost\r\n"+head+"\r\n\r\n"); err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(c)
		if err != nil || !strings.HasPrefix(string(text), "HTTP/1.1 413 ") {
			t.Errorf("%s: %v %q", head, err, text)
		}
	}
}
