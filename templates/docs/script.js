"use strict";
// Sends what a form of the page says, to this server and no other. Nothing is kept: the token stands in its field only.
{
    const field = (id) => document.getElementById(id);

    const opened = () => {
        const named = location.hash && field(decodeURIComponent(location.hash.slice(1)));
        const details = named && named.closest("details");
        if (details) {
            details.open = true;
            details.scrollIntoView();
        }
    };

    const request = (form) => {
        let path = form.dataset.path;
        const query = new URLSearchParams();
        const headers = {};
        for (const input of form.querySelectorAll("[data-place]")) {
            const { place, name } = input.dataset;
            if (place === "path") path = path.replace(`{${name}}`, encodeURIComponent(input.value));
            else if (input.value === "") continue;
            else if (place === "query") query.append(name, input.value);
            else if (place === "header") headers[name] = input.value;
        }
        const token = field("token").value.trim();
        const merchant = field("merchant").value.trim();
        if (token) headers.Authorization = token.startsWith("lictor_") ? `Bearer ${token}` : `License ${token}`;
        if (merchant) headers["Lictor-Merchant"] = merchant;
        const body = form.querySelector("textarea");
        const text = body && body.value.trim() ? body.value : undefined;
        if (text !== undefined) headers["Content-Type"] = "application/json";
        const asked = query.toString();
        return [asked ? `${path}?${asked}` : path, { method: form.dataset.method, headers, body: text, credentials: "omit" }];
    };

    const pretty = (text) => {
        try {
            return JSON.stringify(JSON.parse(text), null, 2);
        } catch {
            return text;
        }
    };

    const send = async (event) => {
        event.preventDefault();
        const shown = event.target.querySelector("pre");
        shown.hidden = false;
        try {
            const response = await fetch(...request(event.target));
            const headers = [...response.headers].map(([name, value]) => `${name}: ${value}`).join("\n");
            shown.textContent = `${response.status} ${response.statusText}\n${headers}\n\n${pretty(await response.text())}`;
        } catch (error) {
            shown.textContent = String(error);
        }
    };

    for (const form of document.querySelectorAll("form[data-path]")) {
        form.hidden = false;
        form.addEventListener("submit", send);
    }
    field("credentials").hidden = false;
    addEventListener("hashchange", opened);
    opened();
}
