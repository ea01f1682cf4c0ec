package daemon

import (
	"errors"
	"fmt"
	"io"
	"log"
	"os"
	"strings"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"golang.org/x/term"

	"github.com/saker-security/saker/pkg/config"
	"github.com/saker-security/saker/pkg/deliver"
	"github.com/saker-security/saker/pkg/rule"
)

// levels maps the names that log_level takes, which are those of syslog, to those of the logger.
var levels = map[string]zapcore.Level{
	"emergency": zapcore.ErrorLevel, "alert": zapcore.ErrorLevel, "critical": zapcore.ErrorLevel, "error": zapcore.ErrorLevel,
	"warning": zapcore.WarnLevel, "notice": zapcore.InfoLevel, "info": zapcore.InfoLevel, "debug": zapcore.DebugLevel,
}

// newLog makes the program's own log, to which no alert is written: JSON objects, one a line, or lines of text for a
// terminal. level changes what is written from then on.
func newLog(cfg config.Log, stderr io.Writer) (log *zap.Logger, level zap.AtomicLevel, err error) {
	level = zap.NewAtomicLevel()
	if err := setLevel(level, cfg.Level); err != nil {
		return nil, level, err
	}
	var cores []zapcore.Core
	if cfg.Stderr {
		encoder, w := zapcore.NewJSONEncoder(encoderConfig()), stderr
		if isText(cfg, stderr) {
			encoder, w = zapcore.NewConsoleEncoder(encoderConfig()), printable{stderr}
		}
		cores = append(cores, zapcore.NewCore(encoder, zapcore.Lock(zapcore.AddSync(w)), level))
	}
	if cfg.Syslog {
		core := newSyslogCore(level)
		if err := core.socket.open(time.Now()); err != nil && !cfg.Stderr {
			warn(stderr, "log_syslog is true and log_stderr false, but the syslog of this machine does not answer, so the log is lost until it does: "+err.Error(), "")
		}
		cores = append(cores, core)
	}
	// Anybody who reaches a listener can make it log: of equal messages in a second ten are written, then every 100th.
	return zap.New(zapcore.NewSamplerWithOptions(zapcore.NewTee(cores...), time.Second, 10, 100)), level, nil
}

// setLevel changes the level of a log to one of the names of log_level.
func setLevel(level zap.AtomicLevel, name string) error {
	l, ok := levels[name]
	if !ok {
		return fmt.Errorf("unknown log level %q", name)
	}
	level.SetLevel(l)
	return nil
}

func encoderConfig() zapcore.EncoderConfig {
	c := zap.NewProductionEncoderConfig()
	c.TimeKey, c.EncodeTime = "time", zapcore.RFC3339NanoTimeEncoder
	c.ConsoleSeparator = " "
	return c
}

// isText tells whether what the program says of itself are lines for people, not JSON objects.
func isText(cfg config.Log, stderr io.Writer) bool {
	return cfg.Format == "text" || cfg.Format != "json" && isTerminal(stderr)
}

func isTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}

// printable writes lines of text, one with each Write, so that nothing in them acts on a terminal or looks like
// another line.
type printable struct{ w io.Writer }

func (p printable) Write(line []byte) (int, error) {
	text := line
	if n := len(text); n > 0 && text[n-1] == '\n' {
		text = text[:n-1]
	}
	if _, err := p.w.Write(append(printableBytes(text), '\n')); err != nil {
		return 0, err
	}
	return len(line), nil
}

// printed logs what libraries print. All lines have one message, so that the log bounds also those that differ, as what
// a stranger sent does.
type printed struct {
	log *zap.Logger
	// noted, if it is not nil, is given each line, too.
	noted func(string)
}

func (p printed) Write(line []byte) (int, error) {
	if p.noted != nil {
		p.noted(string(line))
	}
	text := deliver.ErrorText(errors.New(strings.TrimSuffix(string(line), "\n")))
	p.log.Info("a library of the program tells", zap.String("text", text))
	return len(line), nil
}

// takeStandardLog has what libraries print to the standard logger logged, until the returned function is called.
func takeStandardLog(to *zap.Logger) (giveBack func()) {
	w, flags, prefix := log.Writer(), log.Flags(), log.Prefix()
	log.SetOutput(printed{log: to})
	log.SetFlags(0)
	log.SetPrefix("")
	return func() {
		log.SetOutput(w)
		log.SetFlags(flags)
		log.SetPrefix(prefix)
	}
}

func printableBytes(text []byte) []byte { return []byte(rule.Printable(string(text))) }
