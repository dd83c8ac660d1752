// What a page of the shop tells: views, the product, the cart, who says they are here. For shops without another client.
// No cookie, no eval, no style, nothing of the page is changed. It is served without these comments, under 3 KB packed.
(function () {
  'use strict';
  var win = window, doc = document, nav = navigator;
  var script = doc.currentScript;
  var early = win.aftercart;
  // An image called "currentScript", out of a review, would stand here instead, and name another door.
  if (!(script instanceof HTMLScriptElement) || (early && early.track)) return;
  var settings = script.dataset;
  var door = new URL('v1/batch', script.src).href;
  var memory = {}; // for browsers that keep nothing
  var queue = [];
  var timer, identity, lastProduct;
  var lastCart = '';

  function keep(name, value) {
    memory[name] = value;
    try {
      if (value == null) localStorage.removeItem('aftercart.' + name);
      else localStorage.setItem('aftercart.' + name, value);
    } catch (e) {}
  }

  function kept(name) {
    try {
      return localStorage.getItem('aftercart.' + name) || memory[name];
    } catch (e) {
      return memory[name];
    }
  }

  function json(text) {
    try {
      return JSON.parse(text);
    } catch (e) {}
  }

  function random() {
    return Array.from(crypto.getRandomValues(new Uint8Array(16)), function (byte) {
      return (byte + 256).toString(16).slice(1);
    }).join('');
  }

  // A yes or no that this person gave here counts before all; else a signal of the browser (Global Privacy Control,
  // Do Not Track) or data-consent="wait" mean: send and store nothing until then.
  function allowed() {
    var said = kept('consent');
    if (said) return said > 0;
    return !(nav.globalPrivacyControl || nav.doNotTrack == 1 || settings.consent == 'wait');
  }

  function browser() {
    var id = kept('id');
    if (!id) keep('id', (id = random()));
    return id;
  }

  function add(type, more) {
    // Signed in is who is so now: what waits is not said by whoever comes next.
    var call = {
      type: type,
      messageId: random(),
      timestamp: new Date().toISOString(),
      context: {
        page: { url: location.href, path: location.pathname, title: doc.title, referrer: doc.referrer },
        identity: identity || undefined
      }
    };
    queue.push(Object.assign(call, more));
    if (queue.length > 99) queue.shift();
    timer = timer || setTimeout(send, 1000);
  }

  function wrap(calls) {
    calls.forEach(function (call) {
      call.anonymousId = call.anonymousId || browser();
    });
    return JSON.stringify({
      writeKey: settings.key,
      sentAt: new Date().toISOString(),
      batch: calls,
      context: {
        library: { name: 'aftercart.js' },
        locale: doc.documentElement.lang || nav.language,
        timezone: Intl.DateTimeFormat().resolvedOptions().timeZone
      }
    });
  }

  // Plain text from another origin needs no question beforehand. What could not be sent waits for the next page.
  function send() {
    timer = 0;
    if (!queue[0] || !allowed()) return;
    var calls = queue.splice(0, 20);
    var body = wrap(calls); // a browser refuses to keep more than 64 KB alive
    fetch(door, { method: 'POST', body: body, keepalive: body.length < 6e4, credentials: 'omit' })
      .then(function (answer) {
        if (answer.status > 499) throw 0;
        send();
      })
      .catch(function () {
        queue = calls.concat(queue).slice(0, 99);
        store();
        timer = timer || setTimeout(send, 30000);
      });
    keep('queue');
  }

  function leave() {
    if (!queue[0] || !allowed()) return;
    while (queue[0] && nav.sendBeacon(door, wrap(queue.slice(0, 20)))) queue.splice(0, 20);
    store();
  }

  // Without who is signed in.
  function store() {
    keep('queue', queue[0] && JSON.stringify(queue, function (key, value) {
      if (key != 'identity') return value;
    }));
  }

  // The attributes of an element, or of what it stands in: data-product-id, data-variant-id, data-sku, data-name,
  // data-price, data-currency, data-category, data-brand, data-url, data-image, data-quantity.
  function read(element) {
    var at = element && element.closest('[data-product-id],[data-sku]');
    if (!at) return;
    var found = {};
    [at, element].forEach(function (one) {
      'productId variantId sku name price currency category brand url image quantity'.split(' ').forEach(function (key) {
        var value = one.dataset[key];
        if (value) found[key == 'image' ? 'image_url' : key.replace('Id', '_id')] = value;
      });
    });
    return whole(found);
  }

  function whole(product) {
    ['url', 'image_url'].forEach(function (key) {
      try {
        if (product[key]) product[key] = new URL(product[key], doc.baseURI).href;
      } catch (e) {}
    });
    if (product.price) product.price = +product.price || product.price;
    if (product.quantity) product.quantity = +product.quantity;
    return product;
  }

  function first(value) {
    return Array.isArray(value) ? value[0] : value;
  }

  function text(value) {
    value = first(value);
    return value && typeof value == 'object' ? value.url || value.name || value['@id'] : value;
  }

  // Every product that stands for the page itself; those inside a list of others do not.
  function products(node, found) {
    if (Array.isArray(node)) node.forEach(function (one) { products(one, found); });
    else if (node && typeof node == 'object') {
      if (/Product(Group)?$/.test(first(node['@type']))) found.push(node);
      else [node['@graph'], node.mainEntity].forEach(function (one) { products(one, found); });
    }
    return found;
  }

  function described() {
    var found = [];
    doc.querySelectorAll('script[type="application/ld+json"]').forEach(function (one) {
      products(json(one.textContent), found);
    });
    if (found.length != 1) return; // several are a list
    var one = found[0];
    var variant = first(one.hasVariant) || one;
    var offer = first(one.offers || variant.offers) || {};
    var price = first(offer.priceSpecification) || {};
    return whole({
      product_id: text(one.productID || one.productGroupID || one.sku || one.url || one['@id'] || one.name),
      sku: text(one.sku || variant.sku),
      name: text(one.name),
      category: text(one.category),
      brand: text(one.brand),
      image_url: text(one.image || variant.image),
      url: text(one.url || offer.url),
      price: offer.price || offer.lowPrice || price.price,
      currency: offer.priceCurrency || price.priceCurrency
    });
  }

  function looked() {
    var found = read(doc.querySelector('[data-aftercart=product]')) || described();
    if (found) found.url = found.url || location.href;
    return found;
  }

  // A cart that stands in the page: data-aftercart="cart" around lines with data-product-id. Told when it changed.
  function shown() {
    var cart = doc.querySelector('[data-aftercart=cart]');
    if (!cart) return;
    var lines = Array.from(cart.querySelectorAll('[data-product-id],[data-sku]'), read);
    var told = { products: lines, cart_id: cart.dataset.cartId, currency: cart.dataset.currency, cart_url: location.href };
    var sign = lines.length ? JSON.stringify([lines, told.cart_id]) : '';
    if (sign == lastCart) return;
    lastCart = sign;
    keep('cart', allowed() ? sign : null);
    api.cart(told);
  }

  // A line of the cart whose id stands anywhere in the page: adding to it and telling all of it are about one cart.
  function line(product) {
    var cart = doc.querySelector('[data-cart-id]');
    return whole(Object.assign(cart ? { cart_id: cart.dataset.cartId } : {}, product));
  }

  var api = {
    page: function (name) {
      add('page', { name: name, properties: { url: location.href, path: location.pathname, title: doc.title, referrer: doc.referrer } });
      lastProduct = looked();
      if (lastProduct) api.track('Product Viewed', lastProduct);
      shown();
    },
    track: function (event, properties) {
      add('track', { event: event, properties: properties || {} });
    },
    add: function (product) {
      api.track('Product Added', line(Object.assign({ quantity: 1 }, product || lastProduct)));
    },
    remove: function (product) {
      api.track('Product Removed', line(product));
    },
    cart: function (cart) {
      api.track('Cart Updated', Array.isArray(cart) ? { products: cart } : cart);
    },
    checkout: function (checkout) {
      api.track('Checkout Started', checkout);
    },
    identify: function (traits) {
      add('identify', { traits: traits });
    },
    // Who is signed in, as the shop's server vouches for it. It is never stored. After somebody else it is the next one.
    identity: function (signed) {
      if (identity && identity.id != (signed || 0).id) api.reset();
      identity = signed;
    },
    consent: function (yes) {
      if (!yes) {
        ['id', 'queue', 'cart'].forEach(function (name) {
          keep(name);
        });
        queue = [];
      }
      keep('consent', yes ? '1' : '-1');
      send();
    },
    // At the end of a session: whoever comes next is somebody else.
    reset: function () {
      if (!allowed()) queue = [];
      wrap(queue); // with the id of their browser
      leave();
      identity = lastCart = '';
      keep('id');
      keep('cart');
    },
    push: function (call) {
      api[call[0]].apply(api, call.slice(1));
    }
  };

  function pressed(event) {
    var wanted = event.type == 'submit' ? 'FORM' : 0;
    var element = event.target.closest && event.target.closest('[data-aftercart]');
    if (!element || (element.tagName == 'FORM' ? 'FORM' : 0) != wanted) return;
    var what = element.dataset.aftercart;
    if (what == 'checkout') return api.checkout({ url: location.href });
    if (what != 'add' && what != 'remove') return;
    var product = read(element) || lastProduct;
    if (!product) return;
    var field = wanted && element.elements.quantity;
    api[what](Object.assign({}, product, field ? { quantity: field.value } : {}));
  }

  function start() {
    if (allowed()) queue = json(kept('queue')) || [];
    lastCart = kept('cart') || '';
    identity = json(settings.identity);
    early = Array.isArray(early) ? early : [];
    early.forEach(function (call) {
      if (call && call[0] == 'identity') api.push(call);
    });
    api.page();
    doc.addEventListener('click', pressed, true);
    doc.addEventListener('submit', pressed, true);
    win.addEventListener('pagehide', leave);
    doc.addEventListener('visibilitychange', function () {
      if (doc.visibilityState == 'hidden') leave();
    });
    win.addEventListener('pageshow', function (event) {
      if (event.persisted) api.page();
    });
    win.aftercart = api;
    early.forEach(api.push);
    var cart = doc.querySelector('[data-aftercart=cart]');
    if (cart) new MutationObserver(function () { setTimeout(shown); }).observe(cart, { subtree: true, childList: true, attributes: true });
  }

  function ready() {
    if (doc.readyState == 'loading') doc.addEventListener('DOMContentLoaded', start);
    else start();
  }

  if (doc.prerendering) doc.addEventListener('prerenderingchange', ready);
  else ready();
})();
