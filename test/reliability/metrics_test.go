package reliability

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
)

// limit is how long a test waits for what must come.
const limit = 60 * time.Second

// waitReady waits until the program says that it is ready.
func (i *instance) waitReady(t testing.TB) {
	t.Helper()
	deadline := time.Now().Add(limit)
	for {
		answer, err := http.Get("http://" + i.web + "/readyz")
		if err == nil {
			_ = answer.Body.Close()
			if answer.StatusCode == http.StatusOK {
				return
			}
		}
		select {
		case <-i.process.Done():
			t.Fatalf("the program ended:\n%s", i.process.Output())
		default:
		}
		if time.Now().After(deadline) {
			t.Fatalf("not ready within %v:\n%s", limit, i.process.Output())
		}
		time.Sleep(2 * time.Millisecond)
	}
}

// metrics reads /metrics: the sum of each metric by name, for one sink where it has that label.
func (i *instance) metrics(t testing.TB, sink string) map[string]float64 {
	t.Helper()
	answer, err := http.Get("http://" + i.web + "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	parser := expfmt.NewTextParser(model.UTF8Validation)
	families, err := parser.TextToMetricFamilies(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	sums := map[string]float64{}
	for name, family := range families {
		for _, m := range family.Metric {
			if of(m, sink) {
				sums[name] += m.GetCounter().GetValue() + m.GetGauge().GetValue()
			}
		}
	}
	return sums
}

// of tells whether a sample belongs to a sink or to none.
func of(m *dto.Metric, sink string) bool {
	for _, l := range m.Label {
		if l.GetName() == "sink" {
			return l.GetValue() == sink
		}
	}
	return true
}

// account checks that every alert is somewhere: what came in is what went out, waits, or was left out with a reason.
func (i *instance) account(t testing.TB) map[string]float64 {
	t.Helper()
	m := i.metrics(t, "http")
	term := func(name string) float64 { return m["saker_alerts_"+name] }
	in := term("matched_total") + term("recovered_total") + term("replayed_total")
	out := term("suppressed_total") + term("delivered_total") + term("queued") + term("dead_total") + term("dropped_total")
	if in != out {
		var lines []string
		for name, value := range m {
			if strings.HasPrefix(name, "saker_alerts_") {
				lines = append(lines, fmt.Sprint(name, " ", value))
			}
		}
		t.Errorf("the account is wrong: in %v, out %v\n%s", in, out, strings.Join(lines, "\n"))
	}
	return m
}

// waitDelivered waits until nothing is queued any more and checks the account.
func (i *instance) waitDelivered(t testing.TB) map[string]float64 {
	t.Helper()
	deadline := time.Now().Add(limit)
	for i.metrics(t, "http")["saker_alerts_queued"] > 0 {
		if time.Now().After(deadline) {
			t.Fatalf("alerts still wait after %v:\n%s", limit, i.process.Output())
		}
		time.Sleep(20 * time.Millisecond)
	}
	return i.account(t)
}
