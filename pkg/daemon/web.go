package daemon

import (
	"crypto/tls"
	"encoding/json"
	"net"
	"net/http"
	"net/http/pprof"
	"net/netip"
	"strings"
	"time"

	"github.com/go-chi/chi/v5"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/saker-security/saker/pkg/audit"
	"github.com/saker-security/saker/pkg/config"
)

// newWeb makes the handler of health checks, versions, metrics and what helps to find faults.
func newWeb(d *Daemon) http.Handler {
	r := chi.NewRouter()
	r.Use(unseen, bodiless, d.healthCheck)
	r.Get("/livez", d.serveAlive)
	r.Get("/readyz", d.serveReady)
	r.Get("/versions", func(w http.ResponseWriter, _ *http.Request) { answer(w, http.StatusOK, Versions()) })
	r.Get("/metrics", d.metricsHandler())
	r.Group(func(r chi.Router) {
		r.Use(localOnly)
		r.Get("/config", func(w http.ResponseWriter, _ *http.Request) { answer(w, http.StatusOK, d.effective()) })
		r.HandleFunc("/debug/pprof/*", pprof.Index)
		r.HandleFunc("/debug/pprof/cmdline", pprof.Cmdline)
		r.HandleFunc("/debug/pprof/profile", pprof.Profile)
		r.HandleFunc("/debug/pprof/symbol", pprof.Symbol)
		r.HandleFunc("/debug/pprof/trace", pprof.Trace)
	})
	return r
}

// webTLS makes the settings of TLS from the one PEM file with key and certificate; nil for plain HTTP.
func webTLS(cfg config.Web) func() (*tls.Config, error) {
	if cfg.Certificate == "" {
		return nil
	}
	return func() (*tls.Config, error) { return audit.TLSConfig(cfg.Certificate, cfg.Certificate, "") }
}

// answer writes v as JSON.
func answer(w http.ResponseWriter, code int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(code)
	_ = json.NewEncoder(w).Encode(v) // whoever asked has gone
}

// unseen keeps answers out of caches, and browsers from taking them for something else.
func unseen(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Cache-Control", "no-store")
		w.Header().Set("X-Content-Type-Options", "nosniff")
		next.ServeHTTP(w, r)
	})
}

// bodyTime is how long a connection stays open for a body that nobody asked for.
const bodyTime = time.Second

// bodiless refuses requests with a body: the server would wait for the rest of it before it closes the connection.
func bodiless(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.ContentLength == 0 {
			next.ServeHTTP(w, r)
			return
		}
		_ = http.NewResponseController(w).SetReadDeadline(time.Now().Add(bodyTime)) // a server without it waits a little longer
		w.Header().Set("Connection", "close")
		http.Error(w, "no request here has a body", http.StatusRequestEntityTooLarge)
	})
}

// healthCheck answers at the path of webserver.k8s_healthz_endpoint, which may be any.
func (d *Daemon) healthCheck(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		path := "/" + strings.TrimPrefix(d.settings().Web.Healthz, "/")
		if r.URL.Path != path || r.Method != http.MethodGet && r.Method != http.MethodHead {
			next.ServeHTTP(w, r)
			return
		}
		if reasons := d.failures(time.Now()); len(reasons) > 0 {
			answer(w, http.StatusServiceUnavailable, failing{"failing", reasons})
			return
		}
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write([]byte(`{"status": "ok"}`)) // byte by byte what Falco answers; whoever asked may have gone
	})
}

// failing is the answer of a health check that fails.
type failing struct {
	Status  string   `json:"status"`
	Reasons []string `json:"reasons"`
}

// serveAlive tells that the process answers and that its parts do not wait for each other.
func (d *Daemon) serveAlive(w http.ResponseWriter, r *http.Request) {
	if !d.responds(r.Context()) {
		answer(w, http.StatusServiceUnavailable, failing{"failing", []string{"the state of the program cannot be read, its parts wait for each other"}})
		return
	}
	answer(w, http.StatusOK, map[string]string{"status": "ok"})
}

// metricsHandler serves the metrics. What cannot be gathered is left out and logged, the rest is served.
func (d *Daemon) metricsHandler() http.HandlerFunc {
	metrics := promhttp.HandlerFor(newRegistry(d), promhttp.HandlerOpts{
		ErrorLog: sugared{d.log.Sugar()}, ErrorHandling: promhttp.ContinueOnError, MaxRequestsInFlight: 4,
	})
	return func(w http.ResponseWriter, r *http.Request) {
		if !d.settings().Web.Metrics {
			http.Error(w, "metrics are off: the key webserver.prometheus_metrics_enabled is false", http.StatusNotFound)
			return
		}
		metrics.ServeHTTP(w, r)
	}
}

// forwarded are the headers by which proxies say for whom they ask.
var forwarded = []string{"Forwarded", "X-Forwarded-For", "X-Forwarded-Host", "X-Real-Ip", "Via"}

// localOnly refuses everybody but programs on this machine: the connection must come from a loopback address, and not
// by way of a proxy on this machine or of a browser that was led here by a name of another place.
func localOnly(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		proxied := false
		for _, name := range forwarded {
			proxied = proxied || r.Header.Get(name) != ""
		}
		if proxied || !loopback(r.RemoteAddr) || !loopback(r.Host) {
			http.Error(w, "this is only for clients on this machine that ask without a proxy, at localhost", http.StatusForbidden)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// loopback tells whether an address, or a name, with or without port, is one of this machine that nobody else reaches.
func loopback(host string) bool {
	if h, _, err := net.SplitHostPort(host); err == nil {
		host = h
	}
	if strings.EqualFold(host, "localhost") {
		return true
	}
	ip, err := netip.ParseAddr(strings.Trim(host, "[]"))
	return err == nil && ip.Unmap().IsLoopback()
}
