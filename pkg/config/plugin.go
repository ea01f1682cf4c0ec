package config

import (
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
)

// pluginRecord is what the keys plugins and load_plugins say.
type pluginRecord struct {
	// defined are the entries of plugins, load those of load_plugins. hasLoad tells that the latter key is there: an
	// empty list loads nothing, no list everything that is defined.
	defined []plugin
	load    []loadEntry
	hasLoad bool
	// loaded are the names of the plugins that are answered.
	loaded []string
	audit  struct {
		certificate       string
		maxBody, maxEvent int
		// listen is where the address was written, when the one of open_params holds.
		listen origin
	}
}

// plugin is an entry of plugins.
type plugin struct {
	name       string
	at         place
	init, open *value
	// entry is plugins[n], parameters the text of open_params.
	entry, parameters string
}

type loadEntry struct {
	name string
	at   place
}

var pluginKeys = []Key{
	structured("plugins", "a list of entries such as {name: k8saudit, init_config: {...}, open_params: \"http://:9765/k8s-audit\"}", true,
		setPlugins, showPlugins, refer("plugins"),
		"Falco's plugins. k8saudit, json, container and k8smeta are built in, so library_path means nothing; another one is refused when it is to be loaded. "+
			"k8saudit takes open_params http://HOST:PORT/PATH and https://HOST:PORT/PATH, which override audit.listen, audit.path, audit.tls_certificate and audit.tls_key of the files; "+
			"file://PATH, which is followed from its end, and PATH, which is read once, both as audit.files and without a receiver unless audit.listen is set; and the keys of init_config below.").
		falco("container, in the file that it comes with", "its fields are built in"),
	structured("load_plugins", "a list of names", true, setLoadPlugins, showLoad, refer("texts"),
		"Which of the plugins are loaded, in this order; without the key all of them. It switches no source off: that does sources."),
	inert("plugins_hostinfo", "true", boolean, "Show plugins the machine's /proc.", "no plugin that is built in needs it"),
}

// auditInit is the table of k8saudit's init_config.
var auditInit = newTable([]Key{
	key("sslCertificate", "/etc/falco/falco.pem", text, func(c *Config) *string { return &c.record.plugins.audit.certificate },
		"PEM file with certificate and key, for open_params with https."),
	key("webhookMaxBatchSize", "12582912", integer(1, maxInt), func(c *Config) *int { return &c.record.plugins.audit.maxBody },
		"Largest request body in bytes, as audit.max_body_bytes; only a value other than 12582912 counts, since smaller bodies lose events."),
	key("maxEventSize", "262144", integer(1, maxInt), func(c *Config) *int { return &c.record.plugins.audit.maxEvent },
		"Longest event in bytes, as audit.max_event_bytes; only a value other than 262144 counts. Falco drops longer events, Saker evaluates them without their request and response object."),
	inert("useAsync", "true", boolean, "Extract fields in a thread of their own.", "there are no such threads"),
})

// containerInit is the table of container's init_config.
var containerInit = newTable(slices.Concat(
	[]Key{
		inert("label_max_len", "100", integer(0, maxInt), "Longest label.", byCgroup),
		inert("with_size", "false", boolean, "Ask for sizes.", byCgroup),
		ignored("hooks", texts, "When the engines are asked.", byCgroup),
		ignored("log_level", text, "Level of the plugin's log.", byCgroup),
		ignored("host_root", text, "Root of the machine's files.", byCgroup),
	},
	engine("docker"), engine("podman"), engine("containerd"), engine("cri"), engine("lxc"), engine("libvirt_lxc"), engine("bpm"), engine("static"),
))

func engine(name string) []Key {
	return []Key{
		ignored("engines."+name+".enabled", boolean, "Ask this engine.", byCgroup),
		ignored("engines."+name+".sockets", texts, "Where this engine listens.", byCgroup),
	}
}

// builtin are the plugins that are built in, with what their init_config may say; nil for anything.
var builtin = map[string]*table{
	"k8saudit": auditInit, "container": containerInit,
	"json": newTable(nil), "k8smeta": newTable([]Key{
		inert("collectorHostname", "localhost", text, "Where the collector of metadata is.", noLookups),
		inert("collectorPort", "45000", integer(0, 65535), "Port of the collector.", noLookups),
		inert("nodeName", "", text, "Name of the node.", noLookups),
		inert("caPEMBundle", "", text, "Authorities of the collector.", noLookups),
		inert("hostProc", "/host", text, "Where the machine's /proc is.", "HOST_ROOT says it"),
		ignored("verbosity", text, "Level of the plugin's log.", noLookups),
	}),
}

// setPlugins reads the key plugins.
func setPlugins(c *Config, v *value) error {
	items, err := v.items("entries such as - name: k8saudit")
	if err != nil {
		return err
	}
	for i, item := range items {
		at := fmt.Sprintf("plugins[%d]", i)
		if err := item.mapping("{name: k8saudit}"); err != nil {
			return item.wrap(at, err)
		}
		c.warnOthers(item, at, "name", "library_path", "init_config", "open_params")
		p := plugin{at: item.origin, entry: at, init: item.keys["init_config"], open: item.keys["open_params"]}
		if p.name, err = item.text("name"); err != nil {
			return item.wrap(at, err)
		}
		if p.name == "" {
			return item.wrap(at, errors.New("has no name"))
		}
		if p.parameters, err = item.text("open_params"); err != nil {
			return item.wrap(at, err)
		}
		c.record.plugins.defined = append(c.record.plugins.defined, p)
	}
	return nil
}

func setLoadPlugins(c *Config, v *value) error {
	c.record.plugins.hasLoad = true
	if _, err := texts.read(v); err != nil {
		return errForm
	}
	items := v.list
	if items == nil {
		items = []*value{v}
	}
	for _, item := range items {
		c.record.plugins.load = append(c.record.plugins.load, loadEntry{item.scalar, item.origin})
	}
	return nil
}

// loadPlugins answers the plugins that are to be loaded.
func (c *Config) loadPlugins() {
	r := &c.record.plugins
	load := r.load
	if !r.hasLoad {
		for _, p := range r.defined {
			load = append(load, loadEntry{p.name, p.at})
		}
	}
	for _, e := range load {
		if slices.Contains(r.loaded, e.name) {
			continue
		}
		i := slices.IndexFunc(r.defined, func(p plugin) bool { return p.name == e.name })
		t, isBuiltin := builtin[e.name]
		switch {
		case !isBuiltin:
			c.fail(&finding{e.at, fmt.Sprintf("plugin %s is not part of Saker and cannot be loaded; there are k8saudit, json, container and k8smeta%s", shown(e.name), instead(e.name))})
			continue
		case i >= 0:
			c.loadPlugin(&r.defined[i], t)
		case r.hasLoad && !c.record.bad["plugins"]:
			c.fail(&finding{e.at, fmt.Sprintf("Cannot load plugin '%s': plugin config not found for given name; add - name: %s to plugins", e.name, e.name)})
			continue
		}
		r.loaded = append(r.loaded, e.name)
	}
}

// instead is the end of a sentence about a plugin that is not built in.
func instead(name string) string {
	if strings.HasPrefix(name, "k8saudit-") {
		return ". Where the audit log of a cluster is only in the cloud's log service, forward it to audit.listen by POST, or have its files read by audit.files"
	}
	return ". Take it out of load_plugins, or out of plugins where there is no load_plugins"
}

func (c *Config) loadPlugin(p *plugin, t *table) {
	if init, err := p.initConfig(); err != nil {
		c.fail(placed(err, p.at, p.entry+".init_config"))
	} else if init != nil {
		t.carryOut(c, init, p.entry+".init_config.")
	}
	if p.name != "k8saudit" {
		if p.parameters != "" {
			c.warn(p.open.origin, "key %s.open_params has no effect: %s is no event source", p.entry, p.name)
		}
		return
	}
	if n := c.record.plugins.audit.maxBody; n > 0 && n != 12582912 && !c.stronger("audit.max_body_bytes", p.at) {
		c.Audit.MaxBody = int64(n)
	}
	if n := c.record.plugins.audit.maxEvent; n > 0 && n != 262144 && !c.stronger("audit.max_event_bytes", p.at) {
		if int64(n) < c.Audit.MaxEvent {
			c.warn(c.place([]string{p.entry + ".init_config.maxEventSize"}), "key %s.init_config.maxEventSize: events of more than %s, which Falco would drop, are evaluated without their request and response object; "+
				"rules that read those miss them, so take the key out unless memory is short", p.entry, formatSize(int64(n)))
		}
		c.Audit.MaxEvent = int64(n)
	}
	if p.parameters != "" {
		if err := c.openAudit(p); err != nil {
			c.fail(placed(err, p.open.origin, p.entry+".open_params"))
		}
	}
}

// initConfig gives the mapping of init_config: written as YAML, or as JSON in a text; nil for none.
func (p *plugin) initConfig() (*value, error) {
	v := p.init
	if !v.given() || v.list == nil && v.keys == nil && strings.TrimSpace(v.scalar) == "" {
		return nil, nil
	}
	if v.keys != nil {
		return v, nil
	}
	nodes := 0
	r := reader{at: v.origin, nodes: &nodes, literal: true, warn: func(place, string, ...any) {}}
	if v.list == nil {
		top, err := r.parse([]byte(v.scalar))
		if err != nil || top == nil {
			return nil, err
		}
		inner, err := r.node(top, 0)
		if err != nil {
			return nil, err
		}
		if inner.keys != nil {
			inner.move(v.origin)
			return inner, nil
		}
	}
	return nil, &finding{v.origin, fmt.Sprintf("key %s.init_config: must be a mapping, or a text with a JSON object", p.entry)}
}

// move gives a value and all below it one place: that of the text in which it was written.
func (v *value) move(at place) {
	v.origin, v.key = at, at
	for _, item := range v.list {
		item.move(at)
	}
	for _, item := range v.keys {
		item.move(at)
	}
}

// stronger tells whether a key was set by a layer above the one of a place.
func (c *Config) stronger(key string, at place) bool { return c.record.given[key].layer > at.layer }

// openAudit carries out the open_params of k8saudit.
func (c *Config) openAudit(p *plugin) error {
	if scheme, path, ok := strings.Cut(p.parameters, "://"); !ok {
		return c.openAuditFile(p, AuditFile{Path: p.parameters, Once: true})
	} else if scheme == "file" {
		return c.openAuditFile(p, AuditFile{Path: path, FromEnd: true})
	}
	u, err := url.Parse(p.parameters)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" {
		return errors.New("this address is not allowed, write http://HOST:PORT/PATH, https://HOST:PORT/PATH, file://PATH or PATH")
	}
	if u.User != nil || u.RawQuery != "" || u.Fragment != "" || u.Port() == "" {
		return errors.New("must have the form http://HOST:PORT/PATH or https://HOST:PORT/PATH, with a port and nothing behind the path")
	}
	path := u.Path
	if path == "" {
		path = "/"
	}
	if _, err := urlPath.read(&value{scalar: path}); err != nil {
		return fmt.Errorf("the path %s is not allowed, write %s", shown(path), urlPath.what)
	}
	if !c.stronger("audit.listen", p.open.origin) {
		c.Audit.Listen = joinPort(u.Hostname(), u.Port())
		c.record.plugins.audit.listen = origin{p.open.origin, p.entry + ".open_params"}
	}
	if !c.stronger("audit.path", p.open.origin) {
		c.Audit.Path = path
	}
	if c.stronger("audit.tls_certificate", p.open.origin) || c.stronger("audit.tls_key", p.open.origin) {
		return nil
	}
	c.Audit.Certificate, c.Audit.Key = "", ""
	if u.Scheme == "https" {
		certificate := c.record.plugins.audit.certificate
		if certificate == "" {
			certificate = auditInit.named["sslCertificate"].Default
		}
		c.Audit.Certificate, c.Audit.Key = certificate, certificate
	}
	return nil
}

// openAuditFile reads a file, or a directory, beside those of audit.files. As with Falco there is no receiver then, unless
// somebody says where it listens.
func (c *Config) openAuditFile(p *plugin, f AuditFile) error {
	if f.Path == "" {
		return errors.New("file:// needs a path behind it, such as file:///var/log/kubernetes/audit.log")
	}
	if !c.given("audit.listen") {
		c.Audit.Listen = ""
	}
	if c.sameFile(f.Path) < 0 && !c.stronger("audit.files", p.open.origin) {
		c.Audit.Files = append(slices.Clone(c.Audit.Files), f)
	}
	return nil
}
