package daemon

import (
	"context"
	"os"
	"strings"
	"time"

	"github.com/coreos/go-systemd/v22/daemon"
	"go.uber.org/zap"

	"github.com/saker-security/saker/pkg/rule"
)

// notifier tells the service manager how the daemon is doing, by the protocol of sd_notify(3). Without a manager that
// listens it does nothing.
type notifier struct {
	log *zap.Logger
	// failures say why the daemon does not do its work, nothing when it does. ready tells whether it does everything
	// that it shall, alive whether restarting it would not help: an outage of a disk or a sink does not end by that.
	failures func() []string
	ready    func() bool
	alive    func() bool
	// told is the last status.
	told string
	// announced tells that the manager knows that it is ready.
	announced bool
}

// statusInterval is how often the status is compared with what the manager knows.
const statusInterval = time.Second

// run announces that the daemon is ready as soon as it is, keeps the status and feeds the watchdog, until ctx ends.
func (n *notifier) run(ctx context.Context) {
	if os.Getenv("NOTIFY_SOCKET") == "" {
		return
	}
	watchdog, err := daemon.SdWatchdogEnabled(false)
	if err != nil {
		n.log.Warn("the watchdog of the service manager is not fed", zap.Error(err))
	}
	interval := statusInterval
	if watchdog > 0 {
		interval = min(interval, watchdog/3)
	}
	tick := time.NewTicker(interval)
	defer tick.Stop()
	for {
		n.report()
		if watchdog > 0 && n.alive() {
			n.send(daemon.SdNotifyWatchdog)
		}
		select {
		case <-ctx.Done():
			n.send(daemon.SdNotifyStopping, "STATUS=Ending: delivering what is queued")
			return
		case <-tick.C:
		}
	}
}

// report sends what changed.
func (n *notifier) report() {
	if !n.announced {
		if !n.ready() {
			return
		}
		n.announced = true
		n.send(daemon.SdNotifyReady)
	}
	status := "Running"
	if reasons := n.failures(); len(reasons) > 0 {
		status = "Failing: " + strings.Join(reasons, "; ")
	}
	if status = rule.Printable(status); status != n.told {
		n.told = status
		n.send("STATUS=" + status)
	}
}

// send sends lines of the form NAME=VALUE in one message.
func (n *notifier) send(lines ...string) {
	if _, err := daemon.SdNotify(false, strings.Join(lines, "\n")); err != nil {
		n.log.Warn("the service manager was not told", zap.String("what", lines[0]), zap.Error(err))
	}
}

// notifyReloading tells the service manager that a reload begins; the returned function tells that it is done.
func notifyReloading(log *zap.Logger) (done func()) {
	n := &notifier{log: log}
	// The time is what Type=notify-reload asks for.
	n.send(daemon.SdNotifyReloading, strings.TrimSuffix(daemon.SdNotifyMonotonicUsec(), "\n"))
	return func() { n.send(daemon.SdNotifyReady) }
}
