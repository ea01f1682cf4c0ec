package daemon

import (
	"fmt"
	"io"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
)

// levels maps the names that log_level takes, which are those of syslog, to those of the logger.
var levels = map[string]zapcore.Level{
	"emergency": zapcore.ErrorLevel, "alert": zapcore.ErrorLevel, "critical": zapcore.ErrorLevel, "error": zapcore.ErrorLevel,
	"warning": zapcore.WarnLevel, "notice": zapcore.InfoLevel, "info": zapcore.InfoLevel, "debug": zapcore.DebugLevel,
}

// newLog makes the program's own log: one JSON object a line. Alerts are not written to it.
func newLog(level string, w io.Writer) (*zap.Logger, error) {
	l, ok := levels[level]
	if !ok {
		return nil, fmt.Errorf("unknown log level %q", level)
	}
	c := zap.NewProductionEncoderConfig()
	c.TimeKey, c.EncodeTime = "time", zapcore.RFC3339NanoTimeEncoder
	core := zapcore.NewCore(zapcore.NewJSONEncoder(c), zapcore.Lock(zapcore.AddSync(w)), l)
	// Anybody who reaches a listener can make it log: of equal messages in a second ten are written, then every 100th.
	return zap.New(zapcore.NewSamplerWithOptions(core, time.Second, 10, 100)), nil
}
