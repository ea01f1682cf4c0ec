package policy

import (
	"net/http"
	"net/url"
	"testing"

	"k8s.io/apimachinery/pkg/util/sets"
	apirequest "k8s.io/apiserver/pkg/endpoints/request"
)

// FuzzURI compares with what the API server makes of a URI: a request is never said not to begin as its URI does.
func FuzzURI(f *testing.F) {
	for _, uri := range []string{"/api/v1/namespaces/shop/secrets", "/api/v1/namespaces/shop", "/api/v1/namespaces/shop/status", "/api/v1/watch/namespaces/shop/pods?x=1",
		"/apis/apps/v1/namespaces/shop/deployments/till/scale", "/api/v1/pods/", "/api/v1/namespaces/shop/pods/p/proxy/a/b", "/api/v1/%6eamespaces/shop/pods",
		"//api//v1/pods", "/api/v1/namespaces//pods", "/api/v1/namespaces/a/namespaces/b", "/api/v2/pods", "/apis/apps/v1/watch/deployments/x", "/api/v1/proxy/nodes/n", "/healthz"} {
		f.Add(uri, "GET")
	}
	factory := apirequest.RequestInfoFactory{APIPrefixes: sets.NewString("api", "apis"), GrouplessAPIPrefixes: sets.NewString("api")}
	f.Fuzz(func(t *testing.T, uri, method string) {
		u, err := url.ParseRequestURI(uri)
		if err != nil || len(uri) > 200 {
			return
		}
		info, err := factory.NewRequestInfo(&http.Request{Method: method, URL: u})
		if err != nil || !info.IsResourceRequest || info.APIPrefix == "apis" && info.APIGroup == "" || info.Resource == "" {
			return
		}
		uri = u.RequestURI() // as the API server writes it into an event
		r := request{verb: info.Verb, group: info.APIGroup, resource: info.Resource, subresource: info.Subresource, namespace: info.Namespace, isResource: true}
		for i := 1; i <= len(uri); i++ {
			whole := i == len(uri)
			may := no
			for _, form := range formsOf(r, true) {
				may = max(may, form.begins(uri[:i], whole))
			}
			if may == no {
				t.Fatalf("%s (%s) is %+v, which is said not to begin with %s", uri, method, r, uri[:i])
			}
		}
	})
}
