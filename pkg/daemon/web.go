package daemon

import (
	"encoding/json"
	"net/http"

	"github.com/go-chi/chi/v5"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// newWeb makes the handler of health checks, versions and metrics.
func newWeb(d *Daemon) http.Handler {
	r := chi.NewRouter()
	r.Get(d.cfg.Web.Healthz, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write([]byte(`{"status": "ok"}`)) // whoever asked has gone
	})
	r.Get("/versions", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(Versions()) // whoever asked has gone
	})
	r.Method(http.MethodGet, "/metrics", promhttp.HandlerFor(newRegistry(d), promhttp.HandlerOpts{}))
	return r
}
