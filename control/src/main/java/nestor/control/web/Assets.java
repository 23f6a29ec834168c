package nestor.control.web;

import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/** The files of the pages, as they are: what a browser runs is what is in the tree. */
final class Assets {
    /** A file and its media type. */
    record Asset(String type, ByteBuf content) {}

    private static final String HTML = "index.html";

    /** Every file, by its path below the pages' folder. */
    static final List<String> FILES =
            List.of(
                    HTML,
                    "icon.svg",
                    "style.css",
                    "app.js",
                    "html.js",
                    "connection.js",
                    "format.js",
                    "addresses.js",
                    "queues.js",
                    "timeline.js",
                    "topology.js",
                    "walk.js",
                    "vendor/htm.mjs",
                    "vendor/preact.mjs");

    private static final Map<String, String> TYPES =
            Map.of(
                    "html", "text/html; charset=utf-8",
                    "css", "text/css; charset=utf-8",
                    "js", "text/javascript; charset=utf-8",
                    "mjs", "text/javascript; charset=utf-8",
                    "svg", "image/svg+xml");

    private final Map<String, Asset> assets = new HashMap<>();

    /** Reads them all. */
    Assets() {
        for (String file : FILES) {
            String type = TYPES.get(file.substring(file.lastIndexOf('.') + 1));
            if (type == null) {
                throw new IllegalStateException("no media type: " + file);
            }
            assets.put("/" + file, new Asset(type, Unpooled.unreleasableBuffer(read(file))));
        }
    }

    private static ByteBuf read(String file) {
        try (InputStream in = Assets.class.getResourceAsStream("page/" + file)) {
            if (in == null) {
                throw new IllegalStateException("missing: " + file);
            }
            return Unpooled.wrappedBuffer(in.readAllBytes()).asReadOnly();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /** What is at a path. */
    Optional<Asset> at(String path) {
        return Optional.ofNullable(assets.get(path.equals("/") ? "/" + HTML : path));
    }
}
