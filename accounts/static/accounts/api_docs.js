// The API's page: Swagger UI over our own description.
const place = document.getElementById("api");

/** The cookie's value of now: it changes when somebody signs in in another tab. */
function csrfToken() {
  const name = `${place.dataset.csrfCookie}=`;
  const found = document.cookie.split("; ").find((cookie) => cookie.startsWith(name));
  return found ? found.slice(name.length) : "";
}

function withCsrfToken(request) {
  if (new URL(request.url, location.href).origin === location.origin) request.headers["X-CSRFToken"] = csrfToken();
  return request;
}

SwaggerUIBundle({
  domNode: place,
  url: place.dataset.schema,
  deepLinking: true,
  validatorUrl: null,
  requestInterceptor: withCsrfToken,
});
