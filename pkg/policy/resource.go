package policy

import (
	"slices"
	"strings"
)

// kind is a resource that API servers bring along.
type kind struct {
	// groups are the API groups that have it; the empty text is the core group.
	groups []string
	// subresources are those besides the resource itself.
	subresources []string
}

const (
	core    = ""
	apps    = "apps"
	batch   = "batch"
	rbac    = "rbac.authorization.k8s.io"
	authn   = "authentication.k8s.io"
	authz   = "authorization.k8s.io"
	admit   = "admissionregistration.k8s.io"
	storage = "storage.k8s.io"
	certs   = "certificates.k8s.io"
	dynamic = "resource.k8s.io"
)

var (
	plain  []string
	status = []string{"status"}
	scale  = []string{"scale", "status"}
)

// kinds are the resources of API servers, with their groups and subresources, of the API of Kubernetes 1.36, and of the
// group extensions of older ones. The rules name resources without a group.
var kinds = map[string]kind{
	"bindings":               {[]string{core}, plain},
	"componentstatuses":      {[]string{core}, plain},
	"configmaps":             {[]string{core}, plain},
	"endpoints":              {[]string{core}, plain},
	"events":                 {[]string{core, "events.k8s.io"}, plain},
	"limitranges":            {[]string{core}, plain},
	"namespaces":             {[]string{core}, []string{"finalize", "status"}},
	"nodes":                  {[]string{core}, []string{"proxy", "status"}},
	"persistentvolumeclaims": {[]string{core}, status},
	"persistentvolumes":      {[]string{core}, status},
	"pods": {[]string{core}, []string{"attach", "binding", "ephemeralcontainers", "eviction", "exec", "log", "portforward",
		"proxy", "resize", "status"}},
	"podtemplates":           {[]string{core}, plain},
	"replicationcontrollers": {[]string{core}, scale},
	"resourcequotas":         {[]string{core}, status},
	"secrets":                {[]string{core}, plain},
	"serviceaccounts":        {[]string{core}, []string{"token"}},
	"services":               {[]string{core}, []string{"proxy", "status"}},

	"controllerrevisions":      {[]string{apps}, plain},
	"daemonsets":               {[]string{apps, "extensions"}, status},
	"deployments":              {[]string{apps, "extensions"}, scale},
	"replicasets":              {[]string{apps, "extensions"}, scale},
	"statefulsets":             {[]string{apps}, scale},
	"cronjobs":                 {[]string{batch}, status},
	"jobs":                     {[]string{batch}, status},
	"horizontalpodautoscalers": {[]string{"autoscaling"}, status},
	"poddisruptionbudgets":     {[]string{"policy"}, status},
	"podsecuritypolicies":      {[]string{"policy", "extensions"}, plain},

	"clusterrolebindings": {[]string{rbac}, plain},
	"clusterroles":        {[]string{rbac}, plain},
	"rolebindings":        {[]string{rbac}, plain},
	"roles":               {[]string{rbac}, plain},

	"selfsubjectreviews":        {[]string{authn}, plain},
	"tokenreviews":              {[]string{authn}, plain},
	"localsubjectaccessreviews": {[]string{authz}, plain},
	"selfsubjectaccessreviews":  {[]string{authz}, plain},
	"selfsubjectrulesreviews":   {[]string{authz}, plain},
	"subjectaccessreviews":      {[]string{authz}, plain},

	"mutatingadmissionpolicies":         {[]string{admit}, plain},
	"mutatingadmissionpolicybindings":   {[]string{admit}, plain},
	"mutatingwebhookconfigurations":     {[]string{admit}, plain},
	"validatingadmissionpolicies":       {[]string{admit}, status},
	"validatingadmissionpolicybindings": {[]string{admit}, plain},
	"validatingwebhookconfigurations":   {[]string{admit}, plain},

	"certificatesigningrequests":  {[]string{certs}, []string{"approval", "status"}},
	"clustertrustbundles":         {[]string{certs}, plain},
	"podcertificaterequests":      {[]string{certs}, status},
	"leases":                      {[]string{"coordination.k8s.io"}, plain},
	"leasecandidates":             {[]string{"coordination.k8s.io"}, plain},
	"endpointslices":              {[]string{"discovery.k8s.io"}, plain},
	"flowschemas":                 {[]string{"flowcontrol.apiserver.k8s.io"}, status},
	"prioritylevelconfigurations": {[]string{"flowcontrol.apiserver.k8s.io"}, status},
	"storageversions":             {[]string{"internal.apiserver.k8s.io"}, status},
	"storageversionmigrations":    {[]string{"storagemigration.k8s.io"}, status},
	"ingressclasses":              {[]string{"networking.k8s.io"}, plain},
	"ingresses":                   {[]string{"networking.k8s.io", "extensions"}, status},
	"ipaddresses":                 {[]string{"networking.k8s.io"}, plain},
	"networkpolicies":             {[]string{"networking.k8s.io", "extensions"}, plain},
	"servicecidrs":                {[]string{"networking.k8s.io"}, status},
	"runtimeclasses":              {[]string{"node.k8s.io"}, plain},
	"priorityclasses":             {[]string{"scheduling.k8s.io"}, plain},
	"workloads":                   {[]string{"scheduling.k8s.io"}, plain},
	"podgroups":                   {[]string{"scheduling.k8s.io"}, status},
	"csidrivers":                  {[]string{storage}, plain},
	"csinodes":                    {[]string{storage}, plain},
	"csistoragecapacities":        {[]string{storage}, plain},
	"storageclasses":              {[]string{storage}, plain},
	"volumeattachments":           {[]string{storage}, status},
	"volumeattributesclasses":     {[]string{storage}, plain},
	"deviceclasses":               {[]string{dynamic}, plain},
	"devicetaintrules":            {[]string{dynamic}, status},
	"resourceclaims":              {[]string{dynamic}, status},
	"resourceclaimtemplates":      {[]string{dynamic}, plain},
	"resourceslices":              {[]string{dynamic}, plain},

	"customresourcedefinitions": {[]string{"apiextensions.k8s.io"}, status},
	"apiservices":               {[]string{"apiregistration.k8s.io"}, status},
}

// longLived are the subresources whose requests are sessions or streams: they have a stage ResponseStarted.
var longLived = []string{"attach", "exec", "log", "portforward", "proxy"}

// isLong tells whether a request to t has the stage ResponseStarted.
func (t target) isLong(verb string) bool {
	return t.isResource && (verb == "watch" || slices.Contains(longLived, t.subresource))
}

// takes tells whether a resource is asked for with a verb: sessions and what only computes an answer know few.
func (t target) takes(verb string) bool {
	switch t.subresource {
	case "exec", "attach", "portforward":
		return verb == "create" || verb == "get"
	case "log":
		return verb == "get"
	case "token", "eviction", "binding":
		return verb == "create"
	case "":
		return verb == "create" || !strings.HasSuffix(t.resource, "reviews") && t.resource != "bindings"
	}
	return true
}

// The verbs of requests to resources, and of those to other paths.
var (
	resourceVerbs = []string{"create", "update", "patch", "delete", "deletecollection", "get", "list", "watch"}
	pathVerbs     = []string{"get", "head", "post", "put", "patch", "delete", "options"}
)

// withheld is the highest level at which a resource shows no credentials: a Secret is one, in a review travels one, and
// the answer to a token request is one.
func (t target) withheld() level {
	switch {
	case t.resource == "secrets", t.resource == "tokenreviews":
		return levelMetadata
	case t.resource == "serviceaccounts" && t.subresource == "token":
		return levelRequest
	}
	return levelResponse
}
