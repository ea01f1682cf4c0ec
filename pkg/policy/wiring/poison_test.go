package wiring

import (
	"fmt"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/wait"
	auditinternal "k8s.io/apiserver/pkg/apis/audit"
	auditv1 "k8s.io/apiserver/pkg/apis/audit/v1"
	kubeaudit "k8s.io/apiserver/pkg/audit"
	"k8s.io/apiserver/plugin/pkg/audit/buffered"
	"k8s.io/apiserver/plugin/pkg/audit/truncate"
	"k8s.io/apiserver/plugin/pkg/audit/webhook"
)

// backendOf puts the API server's own parts together as the flags of a distribution have it do, but for the wait after a
// failure.
func backendOf(t *testing.T, d *distribution, kubeconfig string) kubeaudit.Backend {
	t.Helper()
	flags := map[string]string{}
	for _, f := range d.settings() {
		flags[strings.TrimPrefix(f.name, "audit-webhook-")] = f.value
	}
	number := func(name string) int {
		n, err := strconv.Atoi(flags[name])
		if err != nil {
			t.Fatalf("%s: %s: %v", d.name, name, err)
		}
		return n
	}
	hook, err := webhook.NewBackend(kubeconfig, auditv1.SchemeGroupVersion, wait.Backoff{Duration: time.Millisecond, Factor: 1, Steps: 2}, nil)
	if err != nil {
		t.Fatal(err)
	}
	backend := buffered.NewBackend(hook, buffered.BatchConfig{
		BufferSize: number("batch-buffer-size"), MaxBatchSize: number("batch-max-size"), MaxBatchWait: 100 * time.Millisecond,
		ThrottleEnable: true, ThrottleQPS: float32(number("batch-throttle-qps")), ThrottleBurst: number("batch-throttle-burst"), AsyncDelegate: true,
	})
	if flags["truncate-enabled"] == "true" {
		sizes := truncate.Config{MaxEventSize: int64(number("truncate-max-event-size")), MaxBatchSize: int64(number("truncate-max-batch-size"))}
		backend = truncate.NewBackend(backend, sizes, auditv1.SchemeGroupVersion)
	}
	return backend
}

// TestPatchInYAML sends a patch whose body is YAML and no JSON, as a server-side apply may have, in the midst of other
// events. The API server records the body as if it were JSON and cannot write that event: with the flags of every
// distribution it is lost alone.
func TestPatchInYAML(t *testing.T) {
	for i := range distributions {
		d := &distributions[i]
		t.Run(d.name, func(t *testing.T) {
			listener, port := listen(t)
			dir := written(t, func(o *Options) { o.Server = Server{Host: "127.0.0.1", Port: port, Cluster: "blue"} })
			got := serve(t, dir, listener)
			backend := backendOf(t, d, filepath.Join(dir, webhookPath))
			stop := make(chan struct{})
			if err := backend.Run(stop); err != nil {
				t.Fatal(err)
			}
			const others = 60
			for i := range others + 1 {
				e := &auditinternal.Event{
					Level: auditinternal.LevelRequest, AuditID: types.UID(fmt.Sprintf("event-%d", i)), Stage: auditinternal.StageResponseComplete,
					RequestURI: "/api/v1/pods", Verb: "patch",
				}
				e.StageTimestamp.Time, e.RequestReceivedTimestamp.Time = time.Now(), time.Now()
				if i == others/2 {
					e.RequestObject = &runtime.Unknown{Raw: []byte("kind: Pod\n"), ContentType: runtime.ContentTypeJSON}
				}
				backend.ProcessEvents(e)
			}
			close(stop)
			backend.Shutdown()
			if n := got.events.Load(); n != others {
				t.Errorf("%d of the %d other events arrived", n, others)
			}
		})
	}
}
