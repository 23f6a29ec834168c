package nestor.guest;

import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HexFormat;

/** Names a cache entry by what it is made of: same ingredients, same name. */
final class ContentKey {
    private static final int DIGITS = 12;

    private final MessageDigest digest;

    ContentKey() {
        try {
            digest = MessageDigest.getInstance("SHA-256");
        } catch (NoSuchAlgorithmException e) {
            throw new IllegalStateException(e);
        }
    }

    ContentKey with(String text) {
        return with(text.getBytes(StandardCharsets.UTF_8));
    }

    ContentKey with(byte[] content) {
        // The length keeps two ingredients from being taken for two others with the same sequence.
        digest.update((content.length + ":").getBytes(StandardCharsets.UTF_8));
        digest.update(content);
        return this;
    }

    /** The key; the object is used up. */
    String hex() {
        return HexFormat.of().formatHex(digest.digest()).substring(0, DIGITS);
    }
}
